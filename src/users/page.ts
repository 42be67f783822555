import { recordedSegmentOut } from '../entitlements/insight-schemas.ts';
import { segmentOf, type SegmentRow, segmentSourcesSql } from '../entitlements/segment-rows.ts';
import type { UserName } from '../entitlements/users.ts';
import type { Customer, Prisma } from '../generated/prisma/client.ts';
import { grantView } from '../grants/grants.ts';
import { revocationView } from '../grants/revocations.ts';
import { instantOut } from '../http/schemas.ts';
import { type PurchaseRow, purchaseView, userPurchases } from '../mirror/purchase-list.ts';
import type { Clock } from '../platform/clock.ts';
import { type Database, sqlText, type Tx } from '../platform/database.ts';
import { type EventRow, storedEvent, userEvents } from '../webhook/stored-events.ts';
import type { UserPage } from './schemas.ts';

const lastEvents = 20;

/** Only users with hundreds of overlapping sources have more; their page would be megabytes. */
const segmentsShown = 100;

/**
 * Loads everything about one user from one snapshot, in a fixed number of queries. Null if the project has
 * no such user.
 */
export function loadUserPage(
  { clock, database }: { clock: Clock; database: Database },
  user: UserName,
): Promise<UserPage | null> {
  return database.prisma.$transaction((tx) => loadPage(tx, user, clock()), {
    isolationLevel: 'RepeatableRead',
  });
}

async function loadPage(
  tx: Tx,
  { projectId, userId }: UserName,
  now: number,
): Promise<UserPage | null> {
  const user = await tx.user.findUnique({ where: { projectId_userId: { projectId, userId } } });
  if (user === null) return null;
  const { uid } = user;
  const latestFirst = { where: { uid }, orderBy: { number: 'desc' } } as const;
  const customers = await tx.customer.findMany({
    where: { uid },
    orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
  });
  const subscriptions = await tx.subscription.findMany({
    where: { uid },
    include: { items: { orderBy: { position: 'asc' } } },
    orderBy: [{ createdAt: 'desc' }, { id: 'asc' }],
  });
  const purchases = await tx.$queryRaw<PurchaseRow[]>(userPurchases(uid));
  const grants = await tx.grant.findMany(latestFirst);
  const revocations = await tx.revocation.findMany(latestFirst);
  const events = await tx.$queryRaw<EventRow[]>(userEvents(uid, lastEvents));
  return {
    project_id: projectId,
    user_id: userId,
    revision: Number(user.revision),
    created_at: instantOut(user.createdAt),
    erased_at: instantOut(user.erasedAt),
    customers: customers.map(customerView),
    subscriptions: subscriptions.map(subscriptionView),
    purchases: purchases.map(purchaseView),
    grants: grants.map((grant) => grantView(grant, userId)),
    revocations: revocations.map((revocation) => revocationView(revocation, userId)),
    timeline: await loadLiveSegments(tx, uid, now),
    events: events.map((row) => storedEvent(row).event),
  };
}

/** Present and future segments go before past ones; among each, the nearest goes first. */
async function loadLiveSegments(tx: Tx, uid: bigint, now: number): Promise<UserPage['timeline']> {
  const rows = await tx.$queryRaw<(SegmentRow & { recorded_at: Date })[]>`
    select s.feature_code, s.feature_type, s.reason, s.value, ${sqlText(segmentSourcesSql)} as sources,
      s.valid_from, s.valid_to, s.recorded_at
    from (
      select * from entitlement_segments where uid = ${uid} and superseded_at is null
      order by
        case when valid_to <= ${new Date(now)} then valid_to end desc nulls first,
        valid_from nulls first
      limit ${segmentsShown}
    ) s
    order by s.feature_code, s.valid_from nulls first`;
  return rows.map((row) =>
    recordedSegmentOut({
      ...segmentOf(row),
      recordedAt: row.recorded_at.getTime(),
      supersededAt: null,
    }),
  );
}

function customerView(row: Customer): UserPage['customers'][number] {
  return {
    id: row.id,
    email: row.email,
    primary: row.isPrimary,
    deleted: row.deleted,
    linked_by: row.linkedBy,
    created_at: instantOut(row.createdAt),
  };
}

function subscriptionView(
  row: Prisma.SubscriptionGetPayload<{ include: { items: true } }>,
): UserPage['subscriptions'][number] {
  return {
    id: row.id,
    stripe_customer_id: row.customerId,
    status: row.status,
    currency: row.currency,
    started_at: instantOut(row.startDate),
    trial_ends_at: instantOut(row.trialEnd),
    cancel_at: instantOut(row.cancelAt),
    cancel_at_period_end: row.cancelAtPeriodEnd,
    canceled_at: instantOut(row.canceledAt),
    ended_at: instantOut(row.endedAt),
    paused_at: instantOut(row.pausedAt),
    overdue_since: instantOut(row.dunningAnchorAt),
    items: row.items.map((item) => ({
      id: item.id,
      stripe_price_id: item.priceId,
      stripe_product_id: item.productId,
      quantity: item.quantity,
      current_period_start: instantOut(item.currentPeriodStart),
      current_period_end: instantOut(item.currentPeriodEnd),
    })),
  };
}
