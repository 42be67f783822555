import type { Tx } from './database.ts';

/*
 * The order in which every transaction takes its locks (docs/architecture.md, "Lock order"): project →
 * followed objects, sorted → join keys (customers, then payments), sorted → users, sorted. Projects and join
 * keys are locked with the transaction's advisory locks, followed objects and users with row locks.
 *
 * A change of usage locks rows of `usage_users`, sorted, and nothing else. An erasure locks the user's row of
 * `usage_users` last.
 */

const projectClass = 1;
const joinKeyClass = 2;

/** Takes the project's shared lock, for computations based on the project's catalog and policy. */
export async function lockProjectShared(tx: Tx, projectId: string): Promise<void> {
  await tx.$executeRaw`select pg_advisory_xact_lock_shared(${projectClass}, hashtext(${projectId}))`;
}

/** Takes the project's exclusive lock, for changes to the project's catalog or policy. */
export async function lockProjectExclusive(tx: Tx, projectId: string): Promise<void> {
  await tx.$executeRaw`select pg_advisory_xact_lock(${projectClass}, hashtext(${projectId}))`;
}

/**
 * Locks ids that join two objects (ids of customers, payment intents or invoices), in the order of their
 * hashes to avoid deadlocks.
 */
export async function lockJoinKeys(tx: Tx, keys: Iterable<string>): Promise<void> {
  const unique = [...new Set(keys)];
  if (unique.length === 0) return;
  await tx.$executeRaw`
    select pg_advisory_xact_lock(${joinKeyClass}, hash)
    from (select distinct hashtext(key) as hash from unnest(${unique}::text[]) key order by 1) sorted`;
}
