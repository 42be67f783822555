import Stripe from 'stripe';
import { backOffMs, outageBackOffMs } from '../platform/back-off.ts';
import { isTimeout, isUnreachable } from '../platform/database.ts';
import { ImplausibleAnswer } from '../platform/stripe-lists.ts';
import type { SyncedRef } from '../webhook/core/synced-object.ts';
import { maxAttempts } from '../webhook/sync-queue.ts';

/** Back-off after failures of the object itself, milliseconds. */
const retries = { first: 1_000, last: 600_000 };
const failedRetryMs = 3_600_000;

/** Back-off after an outage or a rate limit, milliseconds. */
const outageRetries = { first: 1_000, last: 60_000 };

/**
 * Returns whether a failure is unrelated to the object: an outage, a rate limit or a rejected key. Such a
 * failure never counts towards `failed`, however long it lasts.
 */
export function isExternalFailure(error: unknown): boolean {
  if (!(error instanceof Stripe.errors.StripeError)) return isUnreachable(error);
  const { statusCode: status } = error;
  return status === undefined || status >= 500 || [401, 403, 429].includes(status);
}

/**
 * Returns whether Stripe responded that the object does not exist. A wrong key or mode has the same effect.
 */
export function isMissing(error: unknown): boolean {
  return error instanceof Stripe.errors.StripeError && error.code === 'resource_missing';
}

/**
 * Runs `fetch`. If Stripe does not know the object, adds it to `missing` and returns null, so that the rest
 * of the snapshot is kept.
 */
export async function unlessMissing<T>(
  missing: SyncedRef[],
  object: SyncedRef,
  fetch: () => Promise<T>,
): Promise<T | null> {
  try {
    return await fetch();
  } catch (error) {
    if (!isMissing(error)) throw error;
    missing.push(object);
    return null;
  }
}

/** Returns why a sync failed, without details that project keys must not see. The log has those details. */
export function publicReasonOf(error: unknown): string {
  if (error instanceof ImplausibleAnswer) return error.message;
  if (error instanceof Stripe.errors.StripeError) {
    const { statusCode: status, code } = error;
    return ['Stripe:', status ?? 'no answer', ...(code === undefined ? [] : [code])].join(' ');
  }
  if (isUnreachable(error)) return 'the database could not be reached';
  if (isTimeout(error)) return 'the database took too long to store the object: see the log';
  return 'internal error: see the log';
}

/**
 * Returns the back-off before the next attempt, milliseconds. It doubles with each failure. A failed object
 * is retried once an hour. For a failure that does not count, the back-off equals the time waited so far,
 * within bounds.
 *
 * @param attempts number of attempts that counted, including this one.
 */
export function retryAfterMs(counts: boolean, attempts: number, waitedMs: number): number {
  if (!counts) return outageBackOffMs(outageRetries, waitedMs);
  if (attempts >= maxAttempts) return failedRetryMs;
  return backOffMs(retries, attempts);
}
