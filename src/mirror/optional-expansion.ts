import Stripe from 'stripe';

/**
 * Sends a request with optional expansions. If the restricted key may not read them, repeats the request
 * without them.
 */
export async function whereAllowed<T>(
  optional: readonly string[],
  needed: readonly string[],
  send: (expand: string[]) => Promise<T>,
): Promise<T> {
  try {
    return await send([...needed, ...optional]);
  } catch (error) {
    if (!(error instanceof Stripe.errors.StripePermissionError)) throw error;
    return send([...needed]);
  }
}
