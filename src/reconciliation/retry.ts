import Stripe from 'stripe';
import { isExternalFailure } from '../mirror/failures.ts';
import { backOffMs } from '../platform/back-off.ts';
import { ImplausibleAnswer } from '../platform/stripe-lists.ts';
import { RunFailed } from './run-context.ts';

/** Back-off during an outage or a rate limit, milliseconds. Each delay is shorter than the run's lease. */
const waits = { first: 1_000, last: 30_000 };
const maxAttempts = 60;

/** Maximum number of attempts while Stripe's responses contradict each other. */
const maxImplausible = 3;

/**
 * Retries a step during an outage or a rate limit, for up to half an hour. Steps are idempotent, because each
 * compares again before it corrects.
 *
 * @throws RunFailed if Stripe rejects the key or the request, stays unavailable, or keeps contradicting itself.
 */
export async function withRetries<T>(
  pause: (ms: number) => Promise<void>,
  step: () => Promise<T>,
): Promise<T> {
  let outages = 0;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await step();
    } catch (error) {
      if (error instanceof ImplausibleAnswer) {
        if (attempt >= maxImplausible) throw new RunFailed(`stripe_implausible: ${error.message}`);
        await pause(backOffMs(waits, outages + 1));
        continue;
      }
      if (!(error instanceof Stripe.errors.StripeError)) throw error;
      const { statusCode: status } = error;
      if (status === 401 || status === 403) {
        throw new RunFailed(`stripe_refused: Stripe rejects the key (${status})`);
      }
      if (!isExternalFailure(error)) {
        throw new RunFailed(`stripe_error: ${error.code ?? error.type} (${status ?? 0})`);
      }
      if (attempt === maxAttempts) {
        throw new RunFailed(`stripe_unavailable: ${status ?? 'no answer'}, ${maxAttempts} times`);
      }
      outages += 1;
      await pause(backOffMs(waits, outages));
    }
  }
}
