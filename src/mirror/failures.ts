import Stripe from 'stripe';
import { isTimeout, isUnreachable } from '../platform/database.ts';
import { ImplausibleAnswer } from '../platform/stripe-lists.ts';
import { maxAttempts } from '../webhook/sync-queue.ts';

/** How long after a try that an object failed for its own sake the next one comes, milliseconds. */
const retryMs = { first: 1_000, last: 600_000, failed: 3_600_000 };

/** The same after an outage or a rate limit, which is about to end. */
const outageRetryMs = { first: 1_000, last: 60_000 };

/**
 * Whether a failure is an outage, a limit or a key's: it would have met any object, so it does not bring
 * this one nearer to `failed`, however long it lasts.
 */
export function isExternalFailure(error: unknown): boolean {
  if (!(error instanceof Stripe.errors.StripeError)) return isUnreachable(error);
  const { statusCode: status } = error;
  return status === undefined || status >= 500 || [401, 403, 429].includes(status);
}

/** Why a try failed, for people with a project's key too: messages of others stay in the log. */
export function reasonOf(error: unknown): string {
  if (error instanceof ImplausibleAnswer) return error.message;
  if (error instanceof Stripe.errors.StripeError) {
    const { statusCode: status, code } = error;
    return ['Stripe:', status ?? 'no answer', ...(code === undefined ? [] : [code])].join(' ');
  }
  if (isUnreachable(error)) return 'the database could not be reached';
  if (isTimeout(error)) return 'the database took too long to store it: see the log';
  return 'internal error: see the log';
}

/**
 * How long to wait until the next try, milliseconds. Where the failure counts: doubling, so that all
 * attempts take about half an hour; a failed object is tried once an hour. After an outage: as long as
 * it has been waiting already, which doubles it each time.
 *
 * @param attempts those that counted, this one included.
 */
export function retryAfterMs(counts: boolean, attempts: number, waitedMs: number): number {
  if (!counts) return Math.min(Math.max(waitedMs, outageRetryMs.first), outageRetryMs.last);
  if (attempts >= maxAttempts) return retryMs.failed;
  return Math.min(retryMs.first * 2 ** Math.max(0, attempts - 1), retryMs.last);
}
