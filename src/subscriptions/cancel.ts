import { askStripe } from '../checkout/stripe-answer.ts';
import type { KeepAnswer } from '../http/idempotency.ts';
import type { SyncDeps } from '../mirror/sync.ts';
import { answerChange, type Asker } from './answer.ts';
import { loadLiveSubscription, loadOwnSubscription } from './own-subscription.ts';
import { keepSubscription, releaseSchedule } from './schedule.ts';
import type { ChangedDto } from './schemas.ts';
import { fetchLive } from './stripe-subscription.ts';

/** Neither a cancellation nor its withdrawal makes an invoice. */
const isInvoiceOf = (): boolean => false;

/**
 * Cancels a subscription. A scheduled change is withdrawn. A second request is the same cancellation.
 *
 * @throws ProblemError subscription_not_found, stripe_unavailable.
 */
export async function cancelSubscription(
  deps: SyncDeps,
  asker: Asker,
  id: string,
  when: 'now' | 'period_end',
  keep: KeepAnswer<ChangedDto>,
): Promise<ChangedDto> {
  const own = await loadOwnSubscription(deps.database, asker.user, id);
  const live = own.hasEnded ? null : await fetchLive(deps, id);
  if (live !== null && live.subscription.ended_at === null) {
    if (when === 'period_end') {
      await releaseSchedule(deps, live);
      await askStripe(deps.logger, 'subscriptions.update', () =>
        deps.stripe.subscriptions.update(id, { cancel_at_period_end: true }),
      );
    } else {
      await askStripe(deps.logger, 'subscriptions.cancel', () =>
        deps.stripe.subscriptions.cancel(id),
      );
    }
  }
  return answerChange(
    deps,
    { action: 'subscription.cancel', asker, subscriptionId: id, asked: { when }, isInvoiceOf },
    keep,
  );
}

/**
 * Withdraws a scheduled cancellation and a scheduled change. Without either, nothing changes.
 *
 * @throws ProblemError subscription_not_found, stripe_unavailable.
 */
export async function resumeSubscription(
  deps: SyncDeps,
  asker: Asker,
  id: string,
  keep: KeepAnswer<ChangedDto>,
): Promise<ChangedDto> {
  await loadLiveSubscription(deps.database, asker.user, id);
  const live = await fetchLive(deps, id);
  await releaseSchedule(deps, live);
  await keepSubscription(deps, live);
  return answerChange(
    deps,
    { action: 'subscription.resume', asker, subscriptionId: id, asked: {}, isInvoiceOf },
    keep,
  );
}
