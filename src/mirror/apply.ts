import type { ChangeCause } from '../entitlements/core/change.ts';
import type { EntitlementCache } from '../entitlements/read/cache.ts';
import {
  markBehind,
  raiseTooManySources,
  refreshMarked,
} from '../entitlements/refresh/refresh-behind.ts';
import { refreshUsers, type Refreshed } from '../entitlements/refresh/refresh-users.ts';
import { ensureUsers, type LockedUser, lockUsers, type UserName } from '../entitlements/users.ts';
import type { Clock } from '../platform/clock.ts';
import { type Database, isTimeout, sql, type Tx } from '../platform/database.ts';
import { lockJoinKeys, lockProjectShared } from '../platform/locks.ts';
import type { Logger } from '../platform/logger.ts';
import type { Metrics } from '../platform/metrics.ts';
import { enqueueUnseen } from '../webhook/enqueue.ts';
import { markFetched } from '../webhook/fetch-numbers.ts';
import { loadUnmappedPrices, type Observed, raiseAlarms } from './alarms.ts';
import { confirmArrivals } from './confirm-arrivals.ts';
import { confirmDeletions } from './confirm-deletions.ts';
import { objectsIn, onlyNewest, type StripeSnapshot } from './core/stripe-snapshot.ts';
import { linksIn, storeSnapshot } from './objects/registry.ts';
import { loadOwnership, type Ownership, storeOwnership } from './owner.ts';
import { customersOf } from './subjects.ts';

export interface ApplyDeps {
  clock: Clock;
  database: Database;
  cache: EntitlementCache;
  metrics: Metrics;
  logger: Logger;
  /** Why users change, as the feed says it; `stripe` by default. */
  cause?: ChangeCause;
}

/** Thrown within the transaction when it affects users of projects that it has not locked. */
class MoreProjects extends Error {
  readonly projectIds: Set<string>;

  constructor(projectIds: Set<string>) {
    super('users of further projects are affected');
    this.projectIds = projectIds;
  }
}

/** Thrown within the transaction to roll it back. */
class NotKept extends Error {}

/**
 * Maximum number of rounds in which the set of projects may grow. Only a concurrent change causes another
 * round.
 */
const maxRounds = 5;

/**
 * Applies a snapshot that was fetched under `number`, and recomputes every affected user, in one transaction;
 * then invalidates the cache. Rows that a later fetch wrote stay. If it exceeds the time limit, the mirror is
 * written first, and a user that cannot be computed keeps the old answers and raises `timeline_not_computed`.
 */
export async function applySnapshot(
  deps: ApplyDeps,
  snapshot: StripeSnapshot,
  number: bigint,
): Promise<void> {
  try {
    await tryApplySnapshot(deps, snapshot, number, () => Promise.resolve(true));
  } catch (error) {
    if (!isTimeout(error)) throw error;
    deps.logger.warn({ err: error }, 'a sync took too long; its users are recomputed separately');
    const { users, observed } = await inProjects(deps, snapshot, async (tx, projectIds) => {
      const written = await writeLocked(deps, tx, snapshot, number, projectIds);
      await markBehind(
        tx,
        written.users.map(({ uid }) => uid),
      );
      return written;
    });
    for (const [projectId, ofProject] of byProject(users)) {
      await refreshMarked(
        deps,
        projectId,
        ofProject.map(({ uid }) => uid),
        causeOf(deps),
      );
    }
    await raiseAlarms(deps, snapshot, observed);
  }
}

/**
 * Applies a snapshot, and commits only if `keep` returns true. `keep` sees the written rows and the
 * recomputed users before the commit.
 *
 * @param keep may run again after a deadlock, so it must keep no state.
 * @param check runs under the customers' locks before anything is written; its errors are passed on.
 * @returns whether the transaction was committed.
 * @throws the time-out if the transaction exceeds its time limit; nothing is written then either.
 */
export async function tryApplySnapshot(
  deps: ApplyDeps,
  snapshot: StripeSnapshot,
  number: bigint,
  keep: (tx: Tx, refreshed: readonly Refreshed[]) => Promise<boolean>,
  check: (tx: Tx) => Promise<void> = () => Promise.resolve(),
): Promise<boolean> {
  try {
    const { refreshed, observed } = await inProjects(deps, snapshot, async (tx, projectIds) => {
      const now = deps.clock();
      const { users, observed } = await writeLocked(deps, tx, snapshot, number, projectIds, check);
      const refreshed: Refreshed[] = [];
      for (const [projectId, ofProject] of byProject(users)) {
        refreshed.push(...(await refreshUsers(tx, projectId, ofProject, now, causeOf(deps))));
      }
      if (!(await keep(tx, refreshed))) throw new NotKept();
      return { refreshed, observed };
    });
    await deps.cache.forget(refreshed);
    raiseTooManySources(deps, refreshed);
    await raiseAlarms(deps, snapshot, observed);
    return true;
  } catch (error) {
    if (error instanceof NotKept) return false;
    throw error;
  }
}

/** Runs `work` in a transaction that can lock the projects of all users whom the snapshot affects. */
async function inProjects<T>(
  { database }: ApplyDeps,
  snapshot: StripeSnapshot,
  work: (tx: Tx, projectIds: Set<string>) => Promise<T>,
): Promise<T> {
  let projectIds = await guessProjects(database, snapshot);
  for (let round = 1; ; round += 1) {
    try {
      return await database.transaction((tx) => work(tx, projectIds));
    } catch (error) {
      if (!(error instanceof MoreProjects) || round === maxRounds) throw error;
      projectIds = error.projectIds.union(projectIds);
    }
  }
}

function causeOf({ cause = 'stripe' }: ApplyDeps): ChangeCause {
  return cause;
}

function byProject(users: readonly LockedUser[]): Map<string, LockedUser[]> {
  return Map.groupBy(users, ({ projectId }) => projectId);
}

/**
 * Predicts the projects that the snapshot affects. They come first in the lock order, so they must be known
 * before anything is locked.
 */
async function guessProjects(database: Database, snapshot: StripeSnapshot): Promise<Set<string>> {
  const tx = database.prisma;
  const ownership = await loadOwnership(tx, snapshot);
  const uids = await loadTouchedUids(tx, snapshot, ownership);
  const users = await tx.user.findMany({ where: { uid: { in: uids } } });
  return new Set([
    ...newOwners(ownership).map(({ projectId }) => projectId),
    ...users.map(({ projectId }) => projectId),
  ]);
}

/** Writes the snapshot under all the locks. The caller still has to refresh the users whom it affects. */
async function writeLocked(
  deps: ApplyDeps,
  tx: Tx,
  snapshot: StripeSnapshot,
  number: bigint,
  projectIds: Set<string>,
  check: (tx: Tx) => Promise<void> = () => Promise.resolve(),
): Promise<{ users: LockedUser[]; observed: Observed }> {
  const now = deps.clock();
  for (const projectId of [...projectIds].sort()) await lockProjectShared(tx, projectId);
  const newest = onlyNewest(snapshot, await markFetched(tx, objectsIn(snapshot), number, now));
  await enqueueUnseen(tx, snapshot.unconfirmed, now);
  await lockJoinKeys(tx, customersOf(snapshot));
  await check(tx);
  const ownership = await loadOwnership(tx, newest);
  const { intentIds, invoiceIds } = paymentsIn(snapshot);
  await lockJoinKeys(tx, [...intentIds, ...invoiceIds, ...ownership.payments]);
  const touched = await loadTouchedUids(tx, snapshot, ownership);
  const owners = newOwners(ownership);
  await ensureUsers(
    tx,
    owners.filter(({ projectId }) => projectIds.has(projectId)),
    now,
  );
  const users = await lockUsers(
    tx,
    sql`uid in (
      select unnest(${touched}::bigint[])
      union select u.uid from users u join unnest(
        ${owners.map(({ projectId }) => projectId)}::text[],
        ${owners.map(({ userId }) => userId)}::text[]) as named (project_id, user_id)
        on u.project_id = named.project_id and u.user_id = named.user_id)`,
  );
  const needed = new Set([...owners, ...users].map(({ projectId }) => projectId));
  if (!needed.isSubsetOf(projectIds)) throw new MoreProjects(needed);

  const seen = await confirmArrivals(tx, await confirmDeletions(tx, newest));
  const unknown = await storeSnapshot(tx, seen);
  const uidOf = new Map(users.map((user) => [nameKey(user), user.uid]));
  await storeOwnership(tx, ownership, (name) => {
    const uid = uidOf.get(nameKey(name));
    if (uid === undefined)
      throw new Error(`users has no row for user ${name.userId} of project ${name.projectId}`);
    return uid;
  });
  const unmapped = await loadUnmappedPrices(tx, snapshot, ownership.owned);
  const { foreign } = ownership;
  const missing = [...seen.missing, ...seen.unconfirmed];
  return { users, observed: { unknown, unmapped, foreign, missing } };
}

function newOwners({ owned }: Ownership): UserName[] {
  return owned.flatMap(({ owner }) => owner ?? []);
}

/** Loads the users who own an object of the snapshot, and those whose purchases its payments concern. */
async function loadTouchedUids(
  tx: Tx,
  snapshot: StripeSnapshot,
  { formerUids }: Ownership,
): Promise<bigint[]> {
  const subscriptionIds = snapshot.subscription.map(({ id }) => id);
  const sessionIds = snapshot['checkout.session'].map(({ id }) => id);
  const { intentIds, invoiceIds } = paymentsIn(snapshot);
  const rows = await tx.$queryRaw<{ uid: bigint }[]>`
    select uid from subscriptions where id = any(${subscriptionIds}) and uid is not null
    union select uid from checkout_sessions where id = any(${sessionIds}) and uid is not null
    union select uid from purchases where session_id = any(${sessionIds}) and uid is not null
    union select uid from purchases
      where payment_intent_id = any(${intentIds}) and uid is not null
    union select uid from purchases where invoice_id = any(${invoiceIds}) and uid is not null
    union select p.uid from purchases p join invoice_payments i using (invoice_id)
      where i.payment_intent_id = any(${intentIds}) and p.uid is not null`;
  return [...formerUids, ...rows.map(({ uid }) => uid)];
}

/** Returns the second half of the join keys: the payments, by which money finds its purchase. */
function paymentsIn(snapshot: StripeSnapshot): { intentIds: string[]; invoiceIds: string[] } {
  const links = linksIn(snapshot);
  return {
    intentIds: links.flatMap(({ intents = [] }) => intents).filter((id) => id !== null),
    invoiceIds: links.flatMap(({ invoices = [] }) => invoices).filter((id) => id !== null),
  };
}

function nameKey({ projectId, userId }: { projectId: string; userId: string }): string {
  return JSON.stringify([projectId, userId]);
}
