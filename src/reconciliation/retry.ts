import Stripe from 'stripe';
import { isExternalFailure } from '../mirror/failures.ts';
import { ImplausibleAnswer } from '../platform/stripe-lists.ts';
import { RunFailed } from './run-context.ts';

/**
 * How long an outage or a rate limit is waited out: doubling, and so many times, milliseconds. No wait is
 * as long as the run's lease.
 */
const waitMs = { first: 1_000, last: 30_000 };
const mostTries = 60;

/** How often an answer that cannot be right is asked for again. */
const mostImplausible = 3;

/**
 * Does a step again until Stripe lets it pass: an outage or a limit of half an hour is waited out. A step
 * may be done again at any time, since it only compares, and corrects by what it then sees.
 *
 * @throws RunFailed where Stripe refuses the key, or stays away.
 */
export async function withRetries<T>(
  pause: (ms: number) => Promise<void>,
  step: () => Promise<T>,
): Promise<T> {
  let wait = waitMs.first;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await step();
    } catch (error) {
      if (error instanceof ImplausibleAnswer) {
        if (attempt >= mostImplausible) throw new RunFailed(`stripe_implausible: ${error.message}`);
        await pause(wait);
        continue;
      }
      if (!(error instanceof Stripe.errors.StripeError)) throw error;
      const { statusCode: status } = error;
      if (status === 401 || status === 403) {
        throw new RunFailed(`stripe_refused: Stripe refuses the key (${status})`);
      }
      if (!isExternalFailure(error)) {
        throw new RunFailed(`stripe_error: ${error.code ?? error.type} (${status ?? 0})`);
      }
      if (attempt === mostTries) {
        throw new RunFailed(`stripe_unavailable: ${status ?? 'no answer'}, ${mostTries} times`);
      }
      await pause(wait);
      wait = Math.min(wait * 2, waitMs.last);
    }
  }
}
