import { compute } from '../entitlements/compute.ts';
import { loadFacts } from '../entitlements/load.ts';
import type { Clock } from '../platform/clock.ts';
import type { Database, Tx } from '../platform/database.ts';

interface ImpactOnUser {
  user_id: string;
  feature_code: string;
}

/** What a change of the catalog would give and take away, as of now. */
export interface Impact {
  /** Up to 1,000, by user. */
  gains: ImpactOnUser[];
  /** Up to 1,000, by user. */
  losses: ImpactOnUser[];
  /** Of all; `users` is how many were looked at. */
  counts: { users: number; gains: number; losses: number };
}

const batchSize = 500;
const listedAtMost = 1_000;

/**
 * A dry run that met a change of the same thing begins again, since what it saw is no longer so: once per
 * change, and those come one after the other.
 */
const attempts = 50;

/** Ends a transaction whose writes are not to stay. */
class RolledBack extends Error {}

interface UserName {
  uid: bigint;
  userId: string;
}

/**
 * Runs `write` without keeping it and compares what the project's users may use now, before and after
 * it. Users come in batches, each in a short transaction that sees one state of the database and takes
 * no lock of the project, so that a dry run never holds up the service.
 *
 * @throws whatever `write` refuses with
 */
export async function computeImpact(
  deps: { clock: Clock; database: Database },
  projectId: string,
  write: (tx: Tx) => Promise<unknown>,
): Promise<Impact> {
  const now = deps.clock();
  const impact: Impact = { gains: [], losses: [], counts: { users: 0, gains: 0, losses: 0 } };
  let after = 0n;
  for (;;) {
    const { users, before, changed } = await tryOut(deps.database, projectId, after, now, write);
    for (const { uid, userId } of users) {
      const had = before.get(uid) ?? [];
      const gets = changed.get(uid) ?? [];
      add(impact, 'gains', userId, without(gets, had));
      add(impact, 'losses', userId, without(had, gets));
    }
    impact.counts.users += users.length;
    const last = users.at(-1);
    if (last === undefined || users.length < batchSize) return impact;
    after = last.uid;
  }
}

interface Tried {
  users: UserName[];
  before: Map<bigint, string[]>;
  changed: Map<bigint, string[]>;
}

async function tryOut(
  database: Database,
  projectId: string,
  after: bigint,
  now: number,
  write: (tx: Tx) => Promise<unknown>,
): Promise<Tried> {
  let tried: Tried | undefined;
  try {
    await database.transaction(async (tx) => {
      await tx.$executeRaw`set transaction isolation level repeatable read`;
      const users = await tx.user.findMany({
        where: { projectId, uid: { gt: after } },
        select: { uid: true, userId: true },
        orderBy: { uid: 'asc' },
        take: batchSize,
      });
      const uids = users.map(({ uid }) => uid);
      const before = await entitled(tx, projectId, uids, now);
      await write(tx);
      tried = { users, before, changed: await entitled(tx, projectId, uids, now) };
      throw new RolledBack();
    }, attempts);
  } catch (error) {
    if (!(error instanceof RolledBack)) throw error;
  }
  if (tried === undefined) throw new Error('a dry run ended without a result');
  return tried;
}

/** The features that each user may use at `now`, as the facts in this transaction have it. */
async function entitled(
  tx: Tx,
  projectId: string,
  uids: bigint[],
  now: number,
): Promise<Map<bigint, string[]>> {
  const facts = await loadFacts(tx, projectId, uids);
  return new Map(
    [...facts].map(([uid, userFacts]) => [
      uid,
      compute(userFacts)
        .filter(({ reason }) => reason === 'granted')
        .filter(({ validFrom }) => validFrom === null || validFrom <= now)
        .filter(({ validTo }) => validTo === null || now < validTo)
        .map(({ featureCode }) => featureCode),
    ]),
  );
}

function without(codes: string[], others: string[]): string[] {
  return codes.filter((code) => !others.includes(code));
}

function add(impact: Impact, kind: 'gains' | 'losses', userId: string, codes: string[]): void {
  impact.counts[kind] += codes.length;
  for (const feature_code of codes) {
    if (impact[kind].length < listedAtMost) impact[kind].push({ user_id: userId, feature_code });
  }
}
