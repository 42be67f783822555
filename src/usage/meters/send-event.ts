import Stripe from 'stripe';
import type { Deps } from '../../deps.ts';
import { backOffMs } from '../../platform/back-off.ts';
import type { ClaimedEvent } from './claim.ts';

export type SendDeps = Pick<
  Deps,
  'clock' | 'database' | 'logger' | 'metrics' | 'stripeInBackground'
>;

/** Back-off between attempts, milliseconds. */
const retries = { first: 1_000, last: 3_600_000 };

/**
 * Sends an event to Stripe and records the result. Every attempt has the same identifier and value, so Stripe
 * counts the event once, whichever attempt it accepted.
 */
export async function sendEvent(deps: SendDeps, event: ClaimedEvent): Promise<void> {
  if (event.value === 0n) return end(deps, event, 'empty');
  if (event.isTooLate) return fail(deps, event);
  if (event.customerId === null) return end(deps, event, 'waiting');
  if (!(await begin(deps, event))) return;
  try {
    await createMeterEvent(deps.stripeInBackground, event, event.customerId);
  } catch (error) {
    if (!isDuplicate(error)) return scheduleRetry(deps, event, error);
  }
  await end(deps, event, 'sent');
  deps.metrics.meterEvents.inc({ outcome: 'sent' });
}

/** @see https://docs.stripe.com/api/billing/meter-event/create */
function createMeterEvent(
  stripe: Stripe,
  { at, eventName, id, value }: ClaimedEvent,
  customerId: string,
): Promise<unknown> {
  return stripe.billing.meterEvents.create({
    event_name: eventName,
    identifier: id,
    payload: { stripe_customer_id: customerId, value: String(value) },
    timestamp: Math.floor(at.getTime() / 1_000),
  });
}

/** Stripe refuses an identifier that it knows, also under another idempotency key. It has no error code for it. */
function isDuplicate(error: unknown): boolean {
  return (
    error instanceof Stripe.errors.StripeInvalidRequestError &&
    error.message.startsWith('An event already exists with identifier')
  );
}

/** Whether Stripe has certainly not counted the event. After a 5xx or without a response, it may have. */
function isRefusal(error: unknown): boolean {
  if (!(error instanceof Stripe.errors.StripeError)) return false;
  const { statusCode: status } = error;
  return status !== undefined && status >= 400 && status < 500;
}

/**
 * Records, before the request, the customer and that Stripe may have accepted the event from now on. Returns
 * false if the lease has expired.
 */
async function begin({ clock, database }: SendDeps, event: ClaimedEvent): Promise<boolean> {
  const now = clock();
  if (now >= event.leasedUntil.getTime()) return false;
  return update(
    database,
    event,
    'customer_id = $3, first_sent_at = coalesce(first_sent_at, $4), attempts = attempts + 1',
    [event.customerId, new Date(now)],
  );
}

type End = 'sent' | 'empty' | 'waiting' | 'failed';

async function end({ database }: SendDeps, event: ClaimedEvent, status: End): Promise<void> {
  await update(database, event, 'status = $3, next_attempt_at = null, leased_until = null', [
    status,
  ]);
}

async function fail(deps: SendDeps, event: ClaimedEvent): Promise<void> {
  await end(deps, event, 'failed');
  deps.metrics.meterEvents.inc({ outcome: 'failed' });
  deps.logger.error(
    { meterEventId: event.id, eventName: event.eventName, attempts: event.attempts },
    'usage was not reported to Stripe in time; it is not sent again',
  );
}

async function scheduleRetry(deps: SendDeps, event: ClaimedEvent, error: unknown): Promise<void> {
  const attempts = event.attempts + 1;
  deps.metrics.meterEvents.inc({ outcome: 'retried' });
  deps.logger.warn(
    { err: error, meterEventId: event.id, eventName: event.eventName, attempts },
    'usage could not be reported to Stripe; it will be retried',
  );
  const at = new Date(deps.clock() + backOffMs(retries, attempts));
  const isUnsent = isRefusal(error) && !event.mayBeAccepted;
  await update(
    deps.database,
    event,
    `next_attempt_at = $3, leased_until = null${isUnsent ? ', first_sent_at = null' : ''}`,
    [at],
  );
}

/** Updates an event if its lease is still this process's. Returns whether it was. */
async function update(
  { pool }: SendDeps['database'],
  { id, leasedUntil }: ClaimedEvent,
  set: string,
  values: readonly unknown[],
): Promise<boolean> {
  const { rowCount } = await pool.query(
    `update meter_events set ${set} where id = $1 and leased_until = $2`,
    [id, leasedUntil, ...values],
  );
  return rowCount === 1;
}
