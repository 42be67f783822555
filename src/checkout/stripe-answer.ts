import Stripe from 'stripe';
import { ProblemError } from '../http/problem.ts';
import type { Logger } from '../platform/logger.ts';
import { ImplausibleAnswer } from '../platform/stripe-lists.ts';

/**
 * Asks Stripe on behalf of somebody who waits. The log keeps what finds the request in Stripe's own
 * log; Stripe's message stays out of both, since it may quote an e-mail address.
 *
 * @param asked what was asked, such as `checkout.sessions.create`
 * @throws ProblemError stripe_unavailable where Stripe cannot be reached, limits us, refuses or
 *   contradicts itself
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
      logger.error({ asked, reason: error.message }, 'Stripe contradicted itself');
    } else throw error;
    throw new ProblemError('stripe_unavailable');
  }
}

export function logStripeError(
  logger: Logger,
  asked: string,
  error: InstanceType<typeof Stripe.errors.StripeError>,
): void {
  const { type, code, param, statusCode, requestId } = error;
  const line = { asked, type, code, param, statusCode, stripeRequestId: requestId };
  // An invalid request is a fault of ours or of the settings, which no retry will mend.
  if (error instanceof Stripe.errors.StripeInvalidRequestError) {
    logger.error(line, 'Stripe refused a request');
  } else {
    logger.warn(line, 'Stripe did not do what it was asked');
  }
}

/** Whether Stripe says that it does not know the object in `param`; a deleted customer is one that it does not know. */
export function isMissing(error: unknown, param: string): boolean {
  return (
    error instanceof Stripe.errors.StripeInvalidRequestError &&
    error.code === 'resource_missing' &&
    error.param === param
  );
}

/** Whether Stripe repeats the failure of an earlier request under the same idempotency key. */
export function isReplayed(error: unknown): boolean {
  return (
    error instanceof Stripe.errors.StripeError && error.headers?.['idempotent-replayed'] === 'true'
  );
}
