import { loadCatalog, loadFacts, type Sold } from '../entitlements/load.ts';
import type { Clock } from '../platform/clock.ts';
import type { Database, Tx } from '../platform/database.ts';
import {
  addUser,
  type Catalog,
  type CatalogDifference,
  catalogDifference,
  emptyImpact,
  type Impact,
  valuesAt,
} from './impact-of.ts';

const batchSize = 500;

/**
 * A dry run that met a change of the same thing begins again, since what it saw is no longer so: once per
 * change, and those come one after the other.
 */
const attempts = 50;

/** Ends a transaction whose writes are not to stay. */
class RolledBack extends Error {}

interface Tried {
  users: number;
  before: Catalog;
  after: Catalog;
}

/**
 * Runs `write` once without keeping it, and compares what the project's users may use now under the
 * catalog before and after it. Only users whom the difference can reach are looked at, in batches, each
 * in a short transaction that sees one state of the database and takes no lock, so that a dry run never
 * holds up the service; between two batches other requests have their turn.
 *
 * @throws whatever `write` refuses with
 */
export async function computeImpact(
  deps: { clock: Clock; database: Database },
  projectId: string,
  write: (tx: Tx) => Promise<unknown>,
): Promise<Impact> {
  const now = deps.clock();
  const { users, before, after } = await tryOut(deps.database, projectId, write);
  const impact = emptyImpact(users);
  const difference = catalogDifference(before, after);
  if (difference.featureCodes.size === 0) return impact;
  let last = 0n;
  for (;;) {
    const batch = await deps.database.transaction(async (tx) => {
      await tx.$executeRaw`set transaction isolation level repeatable read, read only`;
      const reached = await loadReached(tx, projectId, difference, last);
      const facts = await loadFacts(
        tx,
        projectId,
        reached.map(({ uid }) => uid),
      );
      return reached.map((user) => ({ ...user, facts: facts.get(user.uid) }));
    });
    for (const { user_id: userId, facts } of batch) {
      if (facts === undefined) throw new Error('facts of a user are missing');
      const had = valuesAt(facts, before, difference, now);
      addUser(impact, difference, userId, had, valuesAt(facts, after, difference, now));
    }
    const end = batch.at(-1);
    if (end === undefined || batch.length < batchSize) return impact;
    last = end.uid;
  }
}

async function tryOut(
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
    }, attempts);
  } catch (error) {
    if (!(error instanceof RolledBack)) throw error;
  }
  if (tried === undefined) throw new Error('a dry run ended without a result');
  return tried;
}

/** Every price that users of the project have something of. */
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

/** The next users who have something of one of the prices, or a grant of one of the features. */
async function loadReached(
  tx: Tx,
  projectId: string,
  { featureCodes, priceIds }: CatalogDifference,
  after: bigint,
): Promise<{ uid: bigint; user_id: string }[]> {
  return tx.$queryRaw`
    select u.uid, u.user_id from users u
    where u.project_id = ${projectId} and u.uid > ${after} and (
      exists (
        select from subscriptions s join subscription_items i on i.subscription_id = s.id
        where s.uid = u.uid and i.price_id = any(${priceIds}::text[]))
      or exists (
        select from purchases p where p.uid = u.uid and p.price_id = any(${priceIds}::text[]))
      or exists (
        select from grants g
        where g.uid = u.uid and g.feature_code = any(${[...featureCodes]}::text[])))
    order by u.uid limit ${batchSize}`;
}
