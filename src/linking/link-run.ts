import { recordAudit } from '../audit/record.ts';
import type { Operator } from '../auth/project-access.ts';
import type { LinkPair, LinkRun } from '../generated/prisma/client.ts';
import type { KeepAnswer } from '../http/idempotency.ts';
import type { SyncDeps } from '../mirror/sync.ts';
import type { Database, Tx } from '../platform/database.ts';
import { newId } from '../platform/ids.ts';

/*
 * Bulk linking. Each pair is stored as a row that is pending until it is linked or refused, so a crash loses
 * nothing and any instance can continue.
 */

export interface LinkProgress {
  run: LinkRun;
  pending: number;
  linked: number;
  refused: number;
  /** When the last pair was linked or refused; null while any is pending. */
  finishedAt: Date | null;
}

interface GivenPair {
  userId: string;
  customerId: string;
}

/**
 * Stores a run with its audit row. The pairs are then linked in the background, in any order, each with its
 * own audit row.
 */
export async function startLinkRun(
  deps: Pick<SyncDeps, 'clock' | 'database'>,
  operator: Operator,
  pairs: readonly GivenPair[],
  reason: string | undefined,
  keep: KeepAnswer<LinkProgress>,
): Promise<LinkProgress> {
  return deps.database.transaction(async (tx) => {
    const now = deps.clock();
    const run = await tx.linkRun.create({
      data: {
        ...operator,
        id: newId('lr'),
        reason: reason ?? null,
        pairs: pairs.length,
        startedAt: new Date(now),
      },
    });
    await insertPairs(tx, run.id, pairs);
    await recordAudit(tx, {
      ...operator,
      action: 'link_run.create',
      targetType: 'link_run',
      targetId: run.id,
      ...(reason === undefined ? {} : { reason }),
      after: { pairs: pairs.length },
      at: now,
    });
    const progress = { run, pending: pairs.length, linked: 0, refused: 0, finishedAt: null };
    await keep(tx, progress);
    return progress;
  });
}

/**
 * Inserts the pairs with one raw statement. Prisma would compile each row into its statement and block the
 * event loop.
 */
async function insertPairs(tx: Tx, runId: string, pairs: readonly GivenPair[]): Promise<void> {
  const userIds = pairs.map(({ userId }) => userId);
  const customerIds = pairs.map(({ customerId }) => customerId);
  await tx.$executeRaw`
    insert into link_pairs (run_id, position, user_id, customer_id)
    select ${runId}, position - 1, user_id, customer_id
    from unnest(${userIds}::text[], ${customerIds}::text[]) with ordinality
      as given (user_id, customer_id, position)`;
}

/** Loads the progress of a run; null if the project has no such run. */
export async function loadLinkRun(
  database: Database,
  projectId: string | null,
  id: string,
): Promise<LinkProgress | null> {
  const { linkRun, linkPair } = database.prisma;
  const run = await linkRun.findFirst({
    where: { id, ...(projectId === null ? {} : { projectId }) },
  });
  if (run === null) return null;
  const groups = await linkPair.groupBy({
    by: ['status'],
    where: { runId: id },
    _count: true,
    _max: { endedAt: true },
  });
  const counted = (status: string): number =>
    groups.find((group) => group.status === status)?._count ?? 0;
  const ends = groups.flatMap(({ _max: { endedAt } }) => endedAt?.getTime() ?? []);
  const pending = counted('pending');
  return {
    run,
    pending,
    linked: counted('linked'),
    refused: counted('refused'),
    finishedAt: pending === 0 ? new Date(Math.max(...ends)) : null,
  };
}

/** Loads the pairs of a run, in the order of the request. */
export function loadLinkPairs(
  database: Database,
  runId: string,
  filter: { status: string | undefined; after: number | undefined; take: number },
): Promise<LinkPair[]> {
  const { status, after, take } = filter;
  return database.prisma.linkPair.findMany({
    where: {
      runId,
      ...(status === undefined ? {} : { status }),
      ...(after === undefined ? {} : { position: { gt: after } }),
    },
    orderBy: { position: 'asc' },
    take,
  });
}
