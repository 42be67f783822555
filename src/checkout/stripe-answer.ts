import Stripe from 'stripe';
import { ProblemError } from '../http/problem.ts';
import type { Logger } from '../platform/logger.ts';
import { ImplausibleAnswer } from '../platform/stripe-lists.ts';

/**
 * Sends a request to Stripe while a caller waits for the result. A failure is logged with Stripe's request
 * id. Stripe's message is neither logged nor returned, because it may quote an e-mail address.
 *
 * @param asked the name of the request, such as `checkout.sessions.create`.
 * @throws ProblemError stripe_unavailable if Stripe cannot be reached, throttles or rejects the request, or
 *   returns contradictory responses.
 */
export async function askStripe<T>(
  logger: Logger,
  asked: string,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Stripe.errors.StripeError) logStripeError(logger, asked, error);
    else if (error instanceof ImplausibleAnswer) {
      logger.error({ asked, reason: error.message }, 'Stripe returned contradictory responses');
    } else throw error;
    throw new ProblemError('stripe_unavailable', remedyOf(error));
  }
}

/** Returns what to do if a retry cannot succeed; undefined if it may succeed. */
function remedyOf(error: unknown): string | undefined {
  if (error instanceof Stripe.errors.StripeAuthenticationError) {
    return "Stripe rejects the service's key. An operator must correct STRIPE_SECRET_KEY.";
  }
  if (error instanceof Stripe.errors.StripePermissionError) {
    return `The service's Stripe key lacks a permission for this. An operator must add it: docs/operations.md lists the permissions under "Stripe refuses the key".`;
  }
  if (error instanceof Stripe.errors.StripeInvalidRequestError) {
    const { param, requestId } = error;
    const where = param === undefined ? '' : `, at \`${param}\`,`;
    const request = requestId === undefined ? 'the request' : `the request \`${requestId}\``;
    return `Stripe rejected the request${where} and would reject it again. Stripe's log of ${request} (dashboard, Developers) shows the reason.`;
  }
  return undefined;
}

export function logStripeError(
  logger: Logger,
  asked: string,
  error: InstanceType<typeof Stripe.errors.StripeError>,
): void {
  const { type, code, param, statusCode, requestId } = error;
  const line = { asked, type, code, param, statusCode, stripeRequestId: requestId };
  // An invalid request is caused by a bug or a wrong setting, so a retry would fail again.
  if (error instanceof Stripe.errors.StripeInvalidRequestError) {
    logger.error(line, 'Stripe rejected a request');
  } else {
    logger.warn(line, 'a request to Stripe failed');
  }
}

/** Returns whether Stripe reports the object in `param` as missing. Deleted customers count as missing. */
export function isMissing(error: unknown, param: string): boolean {
  return (
    error instanceof Stripe.errors.StripeInvalidRequestError &&
    error.code === 'resource_missing' &&
    error.param === param
  );
}

/**
 * Returns whether Stripe replayed the failed response to an earlier request with the same idempotency key.
 */
export function isReplayed(error: unknown): boolean {
  return (
    error instanceof Stripe.errors.StripeError && error.headers?.['idempotent-replayed'] === 'true'
  );
}
