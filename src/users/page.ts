import { toRecordedSegmentDto } from '../entitlements/query-schemas.ts';
import {
  segmentOf,
  type SegmentRow,
  segmentSourcesSql,
} from '../entitlements/query/segment-rows.ts';
import type { UserName } from '../entitlements/users.ts';
import type { Customer, Prisma } from '../generated/prisma/client.ts';
import { toGrantDto } from '../grants/grants.ts';
import { toRevocationDto } from '../grants/revocations.ts';
import { isoInstant } from '../http/schemas.ts';
import { type PurchaseRow, toPurchaseDto, userPurchases } from '../linking/purchase-list.ts';
import { sqlText, type Tx } from '../platform/database.ts';
import { loadEntryPage } from '../usage/ledger.ts';
import { loadUsageDtos, type UsageReadDeps } from '../usage/read-usage.ts';
import { type EventRow, storedEvent, userEvents } from '../webhook/stored-events.ts';
import type { UserPage } from './schemas.ts';

const maxEvents = 20;
const maxUsageEntries = 20;

/**
 * Maximum number of segments on a page. Only users with hundreds of overlapping sources have more, and
 * listing all of those would take megabytes.
 */
const maxSegments = 100;

type SnapshotPage = Omit<UserPage, 'usage' | 'usage_entries'>;

/**
 * Loads a user's page from one snapshot of the database, and then the usage, with a fixed number of queries.
 * Returns null if the project has no such user.
 */
export async function loadUserPage(deps: UsageReadDeps, user: UserName): Promise<UserPage | null> {
  const { clock, database } = deps;
  const page = await database.prisma.$transaction((tx) => loadPage(tx, user, clock()), {
    isolationLevel: 'RepeatableRead',
  });
  if (page === null) return null;
  return {
    ...page,
    usage: await loadUsageDtos(deps, user, undefined, undefined),
    usage_entries: await loadEntryPage(database, user, {
      after: undefined,
      take: maxUsageEntries,
    }),
  };
}

async function loadPage(
  tx: Tx,
  { projectId, userId }: UserName,
  now: number,
): Promise<SnapshotPage | null> {
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
  const events = await tx.$queryRaw<EventRow[]>(userEvents(uid, maxEvents));
  return {
    project_id: projectId,
    user_id: userId,
    revision: Number(user.revision),
    created_at: isoInstant(user.createdAt),
    erased_at: isoInstant(user.erasedAt),
    customers: customers.map(toCustomerDto),
    subscriptions: subscriptions.map(toSubscriptionDto),
    purchases: purchases.map(toPurchaseDto),
    grants: grants.map((grant) => toGrantDto(grant, userId)),
    revocations: revocations.map((revocation) => toRevocationDto(revocation, userId)),
    timeline: await loadLiveSegments(tx, uid, now),
    events: events.map((row) => storedEvent(row).event),
  };
}

/**
 * Loads live segments, ordered by feature and start. If there are too many, current and future segments take
 * precedence over past ones, and near ones over distant ones.
 */
async function loadLiveSegments(tx: Tx, uid: bigint, now: number): Promise<UserPage['timeline']> {
  const rows = await tx.$queryRaw<(SegmentRow & { recorded_at: Date })[]>`
    select s.feature_code, s.feature_type, s.reason, s.value, ${sqlText(segmentSourcesSql)} as sources,
      s.valid_from, s.valid_to, s.recorded_at
    from (
      select * from entitlement_segments where uid = ${uid} and superseded_at is null
      order by
        case when valid_to <= ${new Date(now)} then valid_to end desc nulls first,
        valid_from nulls first
      limit ${maxSegments}
    ) s
    order by s.feature_code, s.valid_from nulls first`;
  return rows.map((row) =>
    toRecordedSegmentDto({
      ...segmentOf(row),
      recordedAt: row.recorded_at.getTime(),
      supersededAt: null,
    }),
  );
}

function toCustomerDto(row: Customer): UserPage['customers'][number] {
  return {
    id: row.id,
    email: row.email,
    primary: row.isPrimary,
    deleted: row.deleted,
    linked_by: row.linkedBy,
    created_at: isoInstant(row.createdAt),
  };
}

function toSubscriptionDto(
  row: Prisma.SubscriptionGetPayload<{ include: { items: true } }>,
): UserPage['subscriptions'][number] {
  return {
    id: row.id,
    stripe_customer_id: row.customerId,
    status: row.status,
    currency: row.currency,
    started_at: isoInstant(row.startDate),
    trial_ends_at: isoInstant(row.trialEnd),
    cancel_at: isoInstant(row.cancelAt),
    cancel_at_period_end: row.cancelAtPeriodEnd,
    canceled_at: isoInstant(row.canceledAt),
    ended_at: isoInstant(row.endedAt),
    paused_at: isoInstant(row.pausedAt),
    overdue_since: isoInstant(row.dunningAnchorAt),
    items: row.items.map((item) => ({
      id: item.id,
      stripe_price_id: item.priceId,
      stripe_product_id: item.productId,
      quantity: item.quantity,
      current_period_start: isoInstant(item.currentPeriodStart),
      current_period_end: isoInstant(item.currentPeriodEnd),
    })),
  };
}
