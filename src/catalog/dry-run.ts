import type { Deps } from '../deps.ts';
import type { CatalogFacts } from '../entitlements/core/facts.ts';
import { loadCatalog, type Sold } from '../entitlements/refresh/load-facts.ts';
import { loadUserFacts } from '../entitlements/refresh/load-user-facts.ts';
import type { Database, Tx } from '../platform/database.ts';
import {
  addUser,
  type CatalogDifference,
  catalogDifference,
  emptyImpact,
  valuesAt,
} from './core/impact.ts';
import type { Impact } from './schemas.ts';

const batchSize = 500;

/** Maximum number of attempts. A dry run restarts if a concurrent change to the same rows commits. */
const maxAttempts = 50;

/** Thrown to roll back the writes of a dry run. */
class RolledBack extends Error {}

interface Tried {
  users: number;
  before: CatalogFacts;
  after: CatalogFacts;
}

/**
 * Runs `write` without committing it, and compares what the project's users may use now under the catalog
 * before and after `write`. Loads only users that the difference can affect, in batches. Each batch is a
 * short read-only transaction without locks, so a dry run does not block the service.
 *
 * @throws the errors of `write`.
 */
export async function computeImpact(
  { clock, database }: Pick<Deps, 'clock' | 'database'>,
  projectId: string,
  write: (tx: Tx) => Promise<unknown>,
): Promise<Impact> {
  const now = clock();
  const { users, before, after } = await tryWrite(database, projectId, write);
  const impact = emptyImpact(users);
  const difference = catalogDifference(before, after);
  if (difference.featureCodes.size === 0) return impact;
  for (const uids of await loadAffected(database, projectId, difference)) {
    const batch = await database.transaction(async (tx) => {
      await tx.$executeRaw`set transaction isolation level repeatable read, read only`;
      const users = await tx.$queryRaw<{ uid: bigint; userId: string }[]>`
        select uid, user_id as "userId" from users where uid = any(${uids}) order by uid`;
      const facts = await loadUserFacts(tx, uids);
      return users.map((user) => ({ ...user, facts: facts.get(user.uid) }));
    });
    for (const { userId, facts } of batch) {
      if (facts === undefined)
        throw new Error(`loadUserFacts returned no facts for user ${userId}`);
      const had = valuesAt(facts, before, difference, now);
      addUser(impact, difference, userId, had, valuesAt(facts, after, difference, now));
    }
  }
  return impact;
}

async function tryWrite(
  database: Database,
  projectId: string,
  write: (tx: Tx) => Promise<unknown>,
): Promise<Tried> {
  let tried: Tried | undefined;
  try {
    await database.transaction(async (tx) => {
      await tx.$executeRaw`set transaction isolation level repeatable read`;
      const users = await tx.user.count({ where: { projectId } });
      const sold = await loadSold(tx, projectId);
      const before = await loadCatalog(tx, projectId, sold);
      await write(tx);
      tried = { users, before, after: await loadCatalog(tx, projectId, sold) };
      throw new RolledBack();
    }, maxAttempts);
  } catch (error) {
    if (!(error instanceof RolledBack)) throw error;
  }
  if (tried === undefined)
    throw new Error(`the dry run in project ${projectId} returned no result`);
  return tried;
}

/** Loads every price that the project's users have bought or subscribed to. */
async function loadSold(tx: Tx, projectId: string): Promise<Sold[]> {
  return tx.$queryRaw<Sold[]>`
    select i.price_id as "priceId", i.product_id as "productId"
    from users u
      join subscriptions s on s.uid = u.uid
      join subscription_items i on i.subscription_id = s.id
    where u.project_id = ${projectId}
    union
    select p.price_id, p.product_id from users u join purchases p on p.uid = u.uid
    where u.project_id = ${projectId}`;
}

/**
 * Loads the uids of users who have bought one of the prices or have a grant of one of the features, in
 * batches. A single statement loads all batches, because loading one batch costs as much as loading all.
 */
async function loadAffected(
  { pool }: Database,
  projectId: string,
  { featureCodes, priceIds }: CatalogDifference,
): Promise<bigint[][]> {
  const { rows } = await pool.query<{ uids: number[] }>(
    `select json_agg(uid order by uid) as uids
     from (
       select u.uid, (row_number() over (order by u.uid) - 1) / $4 as batch
       from users u join (
         select s.uid from subscription_items i join subscriptions s on s.id = i.subscription_id
         where i.price_id = any($2)
         union
         select uid from purchases where price_id = any($2)
         union
         select uid from grants where project_id = $1 and feature_code = any($3)
       ) affected on affected.uid = u.uid
       where u.project_id = $1
     ) numbered
     group by batch order by batch`,
    [projectId, priceIds, [...featureCodes], batchSize],
  );
  return rows.map(({ uids }) => uids.map(BigInt));
}
