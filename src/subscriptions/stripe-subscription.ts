import { hash } from 'node:crypto';
import type Stripe from 'stripe';
import { askStripe, isMissing } from '../checkout/stripe-answer.ts';
import { notFound } from '../http/not-found.ts';
import { reference } from '../mirror/core/from-stripe.ts';
import type { SyncDeps } from '../mirror/sync.ts';
import { wholeList } from '../platform/stripe-lists.ts';
import type { CurrentItem, TargetItem } from './core/target-items.ts';

/** A subscription as Stripe shows it now. */
export interface LiveSubscription {
  subscription: Stripe.Subscription;
  items: (CurrentItem & { recurring: Stripe.Price.Recurring | null })[];
  /** The earliest end of its items' periods, epoch seconds. */
  periodEnd: number;
  schedule: Stripe.SubscriptionSchedule | null;
  latestInvoice: Stripe.Invoice | null;
}

/**
 * Fetches a subscription with its schedule, its last invoice and all items.
 *
 * @throws ProblemError subscription_not_found, stripe_unavailable.
 */
export async function fetchLive(
  { stripe, logger }: Pick<SyncDeps, 'stripe' | 'logger'>,
  id: string,
): Promise<LiveSubscription> {
  return askStripe(logger, 'subscriptions.retrieve', async () => {
    const subscription = await retrieve(stripe, id);
    const items = await wholeList(subscription.items, (page) =>
      stripe.subscriptionItems.list({ subscription: id, ...page }),
    );
    const { schedule, latest_invoice: invoice } = subscription;
    return {
      subscription,
      items: items.map(({ id: itemId, price, quantity }) => ({
        id: itemId,
        priceId: price.id,
        productId: reference(price.product),
        quantity: quantity ?? null,
        recurring: price.recurring,
      })),
      periodEnd: Math.min(...items.map(({ current_period_end: end }) => end)),
      schedule: typeof schedule === 'string' ? null : schedule,
      latestInvoice: typeof invoice === 'string' ? null : invoice,
    };
  });
}

async function retrieve(stripe: Stripe, id: string): Promise<Stripe.Subscription> {
  try {
    return await stripe.subscriptions.retrieve(id, { expand: ['schedule', 'latest_invoice'] });
  } catch (error) {
    if (isMissing(error, 'id')) throw notFound('subscription_not_found', 'id', id);
    throw error;
  }
}

/** Returns a hash of what a preview depends on: the items, their periods and the discounts. */
export function stateOf({ subscription, items, periodEnd }: LiveSubscription): string {
  const { discounts, status } = subscription;
  const state = [
    status,
    periodEnd,
    discounts.map(reference),
    items.map(({ id, priceId, quantity }) => [id, priceId, quantity]),
  ];
  return hash('sha256', JSON.stringify(state), 'base64url');
}

/** Returns the items that a pending update would set; null without one. */
export function pendingItems({ subscription, items }: LiveSubscription): TargetItem[] | null {
  const pending = subscription.pending_update?.subscription_items;
  if (pending === undefined || pending === null) return null;
  const changed = new Map(pending.map((item) => [item.id, item]));
  const kept = items.filter(({ id }) => !changed.has(id));
  return [
    ...kept,
    ...pending.map(({ price, quantity }) => ({
      priceId: price.id,
      productId: reference(price.product),
      quantity: quantity ?? null,
    })),
  ];
}

/** Returns the phase that a schedule starts after the current one, if any. */
export function nextPhase({
  schedule,
}: LiveSubscription): Stripe.SubscriptionSchedule.Phase | undefined {
  const current = schedule?.status === 'active' ? schedule.current_phase : null;
  return current === null
    ? undefined
    : schedule?.phases.find(({ start_date: start }) => start >= current.end_date);
}
