import type Stripe from 'stripe';
import { terminalStatuses } from '../entitlements/core/stripe-statuses.ts';
import { ProblemError } from '../http/problem.ts';
import { reference } from '../mirror/core/from-stripe.ts';
import type { SyncDeps } from '../mirror/sync.ts';
import { askStripe, isMissing } from './stripe-answer.ts';

/**
 * Refuses products to which another live subscription of the user is about to change: at the end of its period, or
 * once the customer pays the invoice of the change. Only Stripe knows these changes.
 *
 * @param except the subscription that is to get the products; null for a checkout.
 * @throws ProblemError already_subscribed, stripe_unavailable.
 */
export async function refuseUpcoming(
  deps: Pick<SyncDeps, 'database' | 'logger' | 'stripe'>,
  uid: bigint,
  productIds: readonly string[],
  except: string | null,
): Promise<void> {
  if (productIds.length === 0) return;
  const { prisma } = deps.database;
  const others = await prisma.subscription.findMany({
    where: {
      ...{ uid, status: { notIn: [...terminalStatuses] } },
      ...(except === null ? {} : { id: { not: except } }),
    },
    select: { id: true },
  });
  const upcoming = await Promise.all(
    others.map(async ({ id }) => ({ id, priceIds: await fetchUpcomingPrices(deps, id) })),
  );
  const sold = await prisma.price.findMany({
    where: {
      id: { in: upcoming.flatMap(({ priceIds }) => priceIds) },
      productId: { in: [...productIds] },
    },
    select: { id: true },
  });
  const other = upcoming.find(({ priceIds }) => sold.some(({ id }) => priceIds.includes(id)));
  if (other === undefined) return;
  throw new ProblemError(
    'already_subscribed',
    `The user's live subscription \`${other.id}\` is about to change to this product or its group. Change that one, or cancel it first.`,
    undefined,
    undefined,
    { subscription_id: other.id },
  );
}

/** Fetches the prices that a subscription gets by a pending update or a later phase of its schedule. */
async function fetchUpcomingPrices(
  { stripe, logger }: Pick<SyncDeps, 'logger' | 'stripe'>,
  id: string,
): Promise<string[]> {
  const subscription = await askStripe(logger, 'subscriptions.retrieve', async () => {
    try {
      return await stripe.subscriptions.retrieve(id, { expand: ['schedule'] });
    } catch (error) {
      // A subscription that Stripe no longer has cannot change. Reconciliation reports it.
      if (isMissing(error, 'id')) return null;
      throw error;
    }
  });
  if (subscription === null) return [];
  const pending = subscription.pending_update?.subscription_items ?? [];
  return [...pending.map(({ price }) => price.id), ...laterPrices(subscription.schedule)];
}

function laterPrices(schedule: Stripe.Subscription['schedule']): string[] {
  if (schedule === null || typeof schedule === 'string') return [];
  const current = schedule.status === 'active' ? schedule.current_phase : null;
  if (current === null) return [];
  return schedule.phases
    .filter(({ start_date: start }) => start >= current.end_date)
    .flatMap(({ items }) => items.map(({ price }) => reference(price)));
}
