import { recordAudit } from '../audit/record.ts';
import type { Operator } from '../auth/project-access.ts';
import type { Deps } from '../deps.ts';
import { presentOf } from '../entitlements/core/present.ts';
import { type NewChange, storeChanges } from '../entitlements/refresh/store-changes.ts';
import { type LockedUser, lockUsers } from '../entitlements/users.ts';
import { userNotFound } from '../http/not-found.ts';
import { isoInstant } from '../http/schemas.ts';
import { sql, type Tx } from '../platform/database.ts';
import type { Erased } from './schemas.ts';

export type EraseDeps = Pick<Deps, 'clock' | 'database'>;

/** Number of usage entries erased per transaction, so that no transaction locks a user for long. */
const entriesPerTransaction = 5_000;

/**
 * Erases a user's personal data: customers' e-mail addresses, payloads of stored events, stored webhook
 * responses, and what apps noted with usage entries. Later events never restore an e-mail address, but their
 * payloads are stored. So delete the customer in Stripe first.
 *
 * The ledger stays: the project's id for the user, subscriptions, purchases, grants, timelines, usage and audit
 * rows contain no personal data. The user's entitlements and usage do not change.
 *
 * @throws ProblemError `user_not_found`.
 */
export async function eraseUser(
  deps: EraseDeps,
  by: Operator,
  userId: string,
  reason: string,
): Promise<Erased> {
  const total = await erasePart(deps, by, userId, reason);
  let last = total;
  while (last.usage_entries >= entriesPerTransaction) {
    last = await erasePart(deps, by, userId, reason);
    total.customers += last.customers;
    total.payloads += last.payloads;
    total.usage_entries += last.usage_entries;
  }
  return total;
}

/** Erases everything but usage entries beyond `entriesPerTransaction`, in one transaction with its audit row. */
function erasePart(deps: EraseDeps, by: Operator, userId: string, reason: string): Promise<Erased> {
  return deps.database.transaction(async (tx) => {
    const { projectId } = by;
    const now = deps.clock();
    const [user] = await lockUsers(tx, sql`project_id = ${projectId} and user_id = ${userId}`);
    if (user === undefined) throw userNotFound();
    const { uid } = user;
    const { erasedAt } = await tx.user.findUniqueOrThrow({ where: { uid } });
    await tx.user.update({ where: { uid }, data: { erasedAt: erasedAt ?? new Date(now) } });
    const { count: customers } = await tx.customer.updateMany({
      where: { uid, email: { not: null } },
      data: { email: null },
    });
    const payloads = await erasePayloads(tx, uid);
    await eraseResponses(tx, uid);
    const entries = await eraseEntries(tx, uid);
    const isNew = erasedAt === null || customers + payloads + entries > 0;
    if (isNew) await storeChanges(tx, [erasureOf(user, now)]);
    return {
      user_id: userId,
      erased_at: isoInstant(erasedAt ?? now),
      customers,
      payloads,
      usage_entries: entries,
      audit_id: isNew
        ? await recordAudit(tx, {
            ...by,
            projectId,
            userId,
            action: 'user.erase',
            targetType: 'user',
            targetId: userId,
            reason,
            after: { customers, payloads, usage_entries: entries },
            at: now,
          })
        : null,
    };
  });
}

/**
 * Erases the payloads of events about the user's objects. An object that has not been fetched yet has no
 * known owner, so the payloads of its events are searched for the ids of the user's customers.
 */
function erasePayloads(tx: Tx, uid: bigint): Promise<number> {
  return tx.$executeRaw`
    update webhook_events set payload = null where payload is not null and number in (
      select e.number from object_owners o
        join webhook_events e on e.object_type = o.object_type and e.object_id = o.object_id
        where o.uid = ${uid}
      union all
      select e.number from customers c join (
          select e.number, e.payload from followed_objects f
            join webhook_events e on e.object_type = f.object_type and e.object_id = f.object_id
            where f.wanted > f.fetched and e.payload is not null
        ) e on position(c.id in e.payload::text) > 0
        where c.uid = ${uid})`;
}

/** Erases the stored webhook responses: an app may have put personal data in them. */
async function eraseResponses(tx: Tx, uid: bigint): Promise<void> {
  await tx.$executeRaw`
    update webhook_deliveries d set attempts = (
      select coalesce(jsonb_agg(a || '{"response": null}' order by place), '[]')
      from jsonb_array_elements(d.attempts) with ordinality as each (a, place))
    where uid = ${uid} and attempts <> '[]'`;
}

/**
 * Erases the metadata of usage entries, and the reasons of reversals. The lock lets changes of the user's usage
 * finish first: they update entries, too.
 */
async function eraseEntries(tx: Tx, uid: bigint): Promise<number> {
  await tx.$queryRaw`select uid from usage_users where uid = ${uid} for update`;
  const hasNotes = sql`uid = ${uid} and metadata is not null
    and (kind = 'consume' or metadata->>'reason' is not null)`;
  return tx.$executeRaw`
    update usage_entries
    set metadata = case when kind = 'consume' then null else metadata - 'reason' end
    where ${hasNotes} and at <= coalesce(
      (select at from usage_entries where ${hasNotes} order by at
       offset ${entriesPerTransaction - 1} limit 1), 'infinity')`;
}

/**
 * Returns the change that reports an erasure. It lists no features, because the entitlements are the same.
 */
function erasureOf(user: LockedUser, now: number): NewChange {
  const at = presentOf(user, Math.floor(now));
  return {
    user,
    revision: user.revision,
    cause: 'erasure',
    at,
    recordedAt: at,
    gained: [],
    lost: [],
    changed: [],
    nextChangeAt: user.nextBoundaryAt === 0 ? null : user.nextBoundaryAt,
  };
}
