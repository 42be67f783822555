import Stripe from 'stripe';

/**
 * Sends a request with optional expansions, and repeats it without them if the restricted key may not read
 * them. So optional data never blocks required data.
 */
export async function whereAllowed<T>(
  optional: readonly string[],
  needed: readonly string[],
  ask: (expand: string[]) => Promise<T>,
): Promise<T> {
  try {
    return await ask([...needed, ...optional]);
  } catch (error) {
    if (!(error instanceof Stripe.errors.StripePermissionError)) throw error;
    return ask([...needed]);
  }
}
