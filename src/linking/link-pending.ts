import type { Operator } from '../auth/project-access.ts';
import type { LinkPair } from '../generated/prisma/client.ts';
import { keepNothing } from '../http/idempotency.ts';
import type { ProblemCode } from '../http/problem-table.ts';
import { ProblemError } from '../http/problem.ts';
import { isExternalFailure } from '../mirror/failures.ts';
import type { SyncDeps } from '../mirror/sync.ts';
import { backOffMs, outageBackOffMs } from '../platform/back-off.ts';
import type { Database } from '../platform/database.ts';
import { onBehalfOf } from '../platform/on-behalf.ts';
import { linkCustomer } from './link-customer.ts';

/** Pairs that one process links concurrently. */
const concurrency = 4;

/** Lease of a pair, milliseconds; afterwards another instance may claim it. */
const leaseMs = 120_000;

/** Attempts after which a pair is refused as `internal_error`. Outages do not count. */
const maxAttempts = 12;

/** Back-off between attempts. */
const retries = { first: 1_000, last: 600_000 };

type ClaimedPair = Pick<LinkPair, 'runId' | 'position' | 'userId' | 'customerId' | 'attempts'> & {
  operator: Operator;
  reason: string | null;
  /** Start of the run, epoch milliseconds. */
  startedAt: number;
};

/** Links pending pairs until none is due, or until it is stopped. */
export async function linkPending(
  deps: SyncDeps,
  isStopped: () => boolean = () => false,
): Promise<void> {
  while (!isStopped()) {
    const claimed = await claimPairs(deps.database, deps.clock());
    if (claimed.length === 0) return;
    await Promise.all(
      claimed.map((pair) => onBehalfOf(pair.operator.projectId, () => linkPair(deps, pair))),
    );
  }
}

/** Claims the next pairs of each project in turn, and of each of its runs in turn. */
async function claimPairs(database: Database, now: number): Promise<ClaimedPair[]> {
  const rows = await database.prisma.$queryRaw<
    {
      run_id: string;
      position: number;
      user_id: string;
      customer_id: string;
      attempts: number;
      project_id: string;
      actor: string;
      request_id: string;
      reason: string | null;
      started_at: Date;
    }[]
  >`
    with pending as (
      select distinct run_id from link_pairs where status = 'pending'
    ), ranked as materialized (
      select free.run_id, free.position,
        row_number() over (partition by r.project_id order by free.position, r.started_at, r.id) as place
      from pending join link_runs r on r.id = pending.run_id
      cross join lateral (
        select p.run_id, p.position from link_pairs p
        where p.run_id = r.id and p.status = 'pending'
          and (p.lease_until is null or p.lease_until <= ${new Date(now)})
          and (p.next_attempt_at is null or p.next_attempt_at <= ${new Date(now)})
        order by p.position limit ${concurrency}
      ) free
    )
    update link_pairs p set lease_until = ${new Date(now + leaseMs)}, attempts = p.attempts + 1
    from (
      select o.run_id, o.position from link_pairs o join ranked using (run_id, position)
      where o.status = 'pending' and (o.lease_until is null or o.lease_until <= ${new Date(now)})
      order by ranked.place, random() limit ${concurrency} for update of o skip locked
    ) free join link_runs r on r.id = free.run_id
    where p.run_id = free.run_id and p.position = free.position
    returning p.run_id, p.position, p.user_id, p.customer_id, p.attempts,
      r.project_id, r.actor, r.request_id, r.reason, r.started_at`;
  return rows.map((row) => ({
    runId: row.run_id,
    position: row.position,
    userId: row.user_id,
    customerId: row.customer_id,
    attempts: row.attempts,
    operator: { projectId: row.project_id, actor: row.actor, requestId: row.request_id },
    reason: row.reason,
    startedAt: row.started_at.getTime(),
  }));
}

async function linkPair(deps: SyncDeps, pair: ClaimedPair): Promise<void> {
  const { userId, customerId } = pair;
  try {
    const asked = { userId, customerId, reason: pair.reason ?? undefined };
    const { objects } = await linkCustomer(deps, pair.operator, asked, keepNothing);
    await endPair(deps, pair, { status: 'linked', objects });
  } catch (error) {
    await (error instanceof ProblemError
      ? endPair(deps, pair, { status: 'refused', code: error.code })
      : scheduleRetry(deps, pair, error));
  }
}

function endPair(
  deps: SyncDeps,
  { runId, position }: ClaimedPair,
  end: { status: 'linked'; objects: number } | { status: 'refused'; code: ProblemCode },
): Promise<unknown> {
  return deps.database.prisma.linkPair.update({
    where: { runId_position: { runId, position } },
    data: { ...end, endedAt: new Date(deps.clock()), leaseUntil: null, nextAttemptAt: null },
  });
}

/** Schedules a retry. An outage never refuses a pair: the back-off then depends on the age of the run. */
async function scheduleRetry(deps: SyncDeps, pair: ClaimedPair, error: unknown): Promise<void> {
  const { runId, position, customerId, attempts } = pair;
  deps.logger.warn({ err: error, customerId, attempts }, 'a customer could not be linked');
  const counts = !isExternalFailure(error);
  if (counts && attempts >= maxAttempts) {
    await endPair(deps, pair, { status: 'refused', code: 'internal_error' });
    return;
  }
  const now = deps.clock();
  const waitMs = counts
    ? backOffMs(retries, attempts)
    : outageBackOffMs(retries, now - pair.startedAt);
  await deps.database.prisma.linkPair.update({
    where: { runId_position: { runId, position } },
    data: {
      leaseUntil: null,
      attempts: counts ? attempts : attempts - 1,
      nextAttemptAt: new Date(now + waitMs),
    },
  });
}
