import { hash } from 'node:crypto';
import { loadExclusiveProducts } from '../checkout/exclusive-products.ts';
import { type Line, loadLines } from '../checkout/lines.ts';
import { askStripe } from '../checkout/stripe-answer.ts';
import { refuseUpcoming } from '../checkout/upcoming-plans.ts';
import { terminalStatuses } from '../entitlements/core/stripe-statuses.ts';
import type { UserName } from '../entitlements/users.ts';
import { ProblemError } from '../http/problem.ts';
import { reference } from '../mirror/core/from-stripe.ts';
import type { SyncDeps } from '../mirror/sync.ts';
import {
  itemSteps,
  type ItemStep,
  type RequestedChange,
  type StripeItem,
  stripeItems,
  type TargetItem,
  targetItems,
} from './core/target-items.ts';
import { loadLiveSubscription, type OwnSubscription } from './own-subscription.ts';
import type { ChangeRequestBody } from './schemas.ts';
import { fetchLive, type LiveSubscription } from './stripe-subscription.ts';

export interface ChangeRequest {
  user: UserName;
  subscriptionId: string;
  body: Omit<ChangeRequestBody, 'preview_token'>;
}

/** A requested change of a subscription, with the subscription as Stripe shows it now. */
export interface PlannedSubscriptionChange {
  own: OwnSubscription;
  /** The products of which the user may have no other subscription or open checkout. */
  exclusive: string[];
  live: LiveSubscription;
  target: TargetItem[];
  steps: ItemStep[];
  /** The `items` of the request to Stripe; empty if the subscription has the items already. */
  items: StripeItem[];
  /** Whether a new billing period begins with the change, because an item gets another interval. */
  restarts: boolean;
  proration: 'always_invoice' | 'create_prorations' | 'none';
}

const prorations = {
  invoice_now: 'always_invoice',
  next_invoice: 'create_prorations',
  none: 'none',
} as const;

/**
 * Plans a change: checks that the subscription belongs to the user and that its prices are for sale, and
 * compares the wanted items with those in Stripe.
 *
 * @throws ProblemError subscription_not_found, price_not_found, price_inactive, already_subscribed,
 *   bad_request, stripe_unavailable.
 */
export async function planChange(
  deps: SyncDeps,
  { user, subscriptionId, body }: ChangeRequest,
): Promise<PlannedSubscriptionChange> {
  const own = await loadLiveSubscription(deps.database, user, subscriptionId);
  const { lines, change, intervals } = await loadRequested(deps, user.projectId, body);
  const live = await fetchLive(deps, subscriptionId);
  const isSameGroup = await loadSameGroup(deps, user.projectId, [
    ...live.items.map(({ productId }) => productId),
    ...lines.map(({ productId }) => productId),
  ]);
  const target = targetItems(live.items, change, isSameGroup);
  if (target === null) throw ambiguous(body);
  const exclusive = await loadExclusiveProducts(deps.database.prisma, user.projectId, lines);
  await refuseSecond(deps, own, exclusive);
  await refuseUpcoming(deps, own.uid, exclusive, own.id);
  const steps = itemSteps(live.items, target);
  const intervalOf = new Map(
    live.items.map(({ id, recurring }) => [
      id,
      recurring === null ? null : `${recurring.interval_count} ${recurring.interval}`,
    ]),
  );
  return {
    ...{ own, exclusive, live, target, steps },
    items: stripeItems(steps),
    restarts:
      live.subscription.status !== 'trialing' &&
      steps.some(
        ({ current, target: wanted }) =>
          current !== null &&
          wanted !== null &&
          current.priceId !== wanted.priceId &&
          intervalOf.get(current.id) !== intervals.get(wanted.priceId),
      ),
    proration: prorations[body.proration],
  };
}

function ambiguous({ price_id: priceId }: ChangeRequest['body']): ProblemError {
  const path = priceId === undefined ? 'quantity' : 'price_id';
  const message =
    'does not say which item to change, because the subscription has several: send `items`, which replaces all of them';
  return new ProblemError('bad_request', undefined, [{ path, message }]);
}

/** Returns a hash of what a request changes, for its preview's token. */
export function requestHash({ user, subscriptionId, body }: ChangeRequest): string {
  const { price_id: priceId, quantity, items, when, proration, promotion_code: code } = body;
  const { projectId, userId } = user;
  const parts = [
    projectId,
    userId,
    subscriptionId,
    priceId,
    quantity,
    items,
    when,
    proration,
    code,
  ];
  return hash('sha256', JSON.stringify(parts), 'base64url');
}

async function loadRequested(
  { database }: SyncDeps,
  projectId: string,
  { price_id: priceId, quantity, items }: ChangeRequest['body'],
): Promise<{ lines: Line[]; change: RequestedChange; intervals: Map<string, string> }> {
  const lines = await loadLines(
    database,
    projectId,
    items?.map((item, index) => ({
      priceId: item.price_id,
      field: `items[${index}].price_id`,
      quantity: item.quantity,
    })) ?? (priceId === undefined ? [] : [{ priceId, field: 'price_id', quantity: quantity ?? 1 }]),
  );
  const once = lines.findIndex(({ type }) => type !== 'recurring');
  if (once >= 0) {
    const path = items === undefined ? 'price_id' : `items[${once}].price_id`;
    const message = 'names a one-time price: a subscription has only recurring prices';
    throw new ProblemError('bad_request', undefined, [{ path, message }]);
  }
  const prices = await database.prisma.price.findMany({
    where: { id: { in: lines.map((line) => line.priceId) } },
    select: { id: true, interval: true, intervalCount: true },
  });
  const intervals = new Map(
    prices.map(({ id, interval, intervalCount }) => [id, `${intervalCount ?? 1} ${interval}`]),
  );
  const targets = lines.map((line) => ({
    priceId: line.priceId,
    productId: line.productId,
    quantity: line.metered ? null : line.quantity,
  }));
  if (items !== undefined) {
    return { lines, change: { kind: 'all', items: targets }, intervals };
  }
  const [price] = lines;
  return {
    lines,
    change: {
      kind: 'one',
      price: price && { priceId: price.priceId, productId: price.productId },
      metered: price?.metered ?? false,
      quantity,
    },
    intervals,
  };
}

/**
 * Refuses a change to products of which the user has another live subscription.
 *
 * @throws ProblemError already_subscribed.
 */
export async function refuseSecond(
  { database: { prisma } }: SyncDeps,
  { uid, id }: OwnSubscription,
  exclusive: string[],
): Promise<void> {
  const other = await prisma.subscriptionItem.findFirst({
    where: {
      productId: { in: exclusive },
      subscription: { uid, id: { not: id }, status: { notIn: [...terminalStatuses] } },
    },
  });
  if (other === null) return;
  throw new ProblemError(
    'already_subscribed',
    `The user has another live subscription to this product or its group, \`${other.subscriptionId}\`. Change that one, or cancel it first.`,
    undefined,
    undefined,
    { subscription_id: other.subscriptionId },
  );
}

/** Loads whether two products are the same or belong to one group. */
async function loadSameGroup(
  { database: { prisma } }: SyncDeps,
  projectId: string,
  productIds: string[],
): Promise<(one: string, other: string) => boolean> {
  const products = await prisma.product.findMany({
    where: { projectId, id: { in: productIds } },
    select: { id: true, groupName: true },
  });
  const groupOf = new Map(products.map(({ id, groupName }) => [id, groupName ?? id]));
  return (one, other) => one === other || groupOf.get(one) === (groupOf.get(other) ?? null);
}

/**
 * Finds the active promotion code with a text.
 *
 * @throws ProblemError bad_request if no such code is active, stripe_unavailable.
 */
export async function findPromotionCode(
  { stripe, logger }: Pick<SyncDeps, 'stripe' | 'logger'>,
  { subscription }: LiveSubscription,
  code: string | undefined,
): Promise<string | null> {
  if (code === undefined) return null;
  const { data } = await askStripe(logger, 'promotionCodes.list', () =>
    stripe.promotionCodes.list({ code, active: true, limit: 100 }),
  );
  const customer = reference(subscription.customer);
  const found =
    data.find((one) => one.customer !== null && reference(one.customer) === customer) ??
    data.find((one) => one.customer === null);
  if (found !== undefined) return found.id;
  throw new ProblemError('bad_request', undefined, [
    { path: 'promotion_code', message: 'is not an active promotion code' },
  ]);
}
