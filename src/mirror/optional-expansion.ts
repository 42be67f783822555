import Stripe from 'stripe';

/**
 * Asks with optional expansions too, which a restricted key may be forbidden; then without them, so that
 * what merely helps keeps nothing else from being known.
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
