import type { Operator } from '../auth/project-access.ts';
import type { LinkPair, LinkRun } from '../generated/prisma/client.ts';
import { keepNothing } from '../http/idempotency.ts';
import type { ProblemCode } from '../http/problem-table.ts';
import { ProblemError } from '../http/problem.ts';
import { isExternalFailure } from '../mirror/failures.ts';
import type { SyncDeps } from '../mirror/sync.ts';
import { backOffMs, outageBackOffMs } from '../platform/back-off.ts';
import type { Database } from '../platform/database.ts';
import { onBehalfOf } from '../platform/on-behalf.ts';
import { linkCustomer } from './link-customer.ts';

/** Maximum number of pairs to link concurrently per process. */
const concurrency = 4;

/** Duration of a lease, milliseconds. After that, another instance may claim the pair. */
const leaseMs = 120_000;

/** Number of attempts after which a pair is refused with `internal_error`. Outages do not count. */
const maxAttempts = 12;

/** Back-off between attempts, milliseconds. */
const retries = { first: 1_000, last: 600_000 };

interface ClaimedPair
  extends
    Pick<LinkPair, 'runId' | 'position' | 'userId' | 'customerId' | 'attempts'>,
    Pick<LinkRun, 'reason' | 'startedAt'> {
  operator: Operator;
}

/** Links pending pairs until none is due or the worker is stopped. */
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

/** Claims due pairs, round-robin by project and, within a project, by run. */
async function claimPairs(database: Database, now: number): Promise<ClaimedPair[]> {
  const rows = await database.prisma.$queryRaw<(Omit<ClaimedPair, 'operator'> & Operator)[]>`
    with pending as (
      select distinct run_id from link_pairs where status = 'pending'
    ), ranked as materialized (
      select free.run_id, free.position,
        row_number() over (partition by r.project_id order by free.position, r.started_at, r.id) as rank
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
      order by ranked.rank, random() limit ${concurrency} for update of o skip locked
    ) free join link_runs r on r.id = free.run_id
    where p.run_id = free.run_id and p.position = free.position
    returning p.run_id as "runId", p.position, p.user_id as "userId", p.customer_id as "customerId",
      p.attempts, r.project_id as "projectId", r.actor, r.request_id as "requestId", r.reason,
      r.started_at as "startedAt"`;
  return rows.map(({ projectId, actor, requestId, ...pair }) => ({
    ...pair,
    operator: { projectId, actor, requestId },
  }));
}

async function linkPair(deps: SyncDeps, pair: ClaimedPair): Promise<void> {
  const { userId, customerId } = pair;
  try {
    const request = { userId, customerId, reason: pair.reason ?? undefined };
    const { objects } = await linkCustomer(deps, pair.operator, request, keepNothing);
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

/**
 * Schedules a retry. During an outage the pair is never refused, and the back-off depends on the age of the
 * run.
 */
async function scheduleRetry(deps: SyncDeps, pair: ClaimedPair, error: unknown): Promise<void> {
  const { runId, position, customerId, attempts } = pair;
  deps.logger.warn(
    { err: error, customerId, attempts },
    'could not link a customer; it will be retried',
  );
  const counts = !isExternalFailure(error);
  if (counts && attempts >= maxAttempts) {
    await endPair(deps, pair, { status: 'refused', code: 'internal_error' });
    return;
  }
  const now = deps.clock();
  const waitMs = counts
    ? backOffMs(retries, attempts)
    : outageBackOffMs(retries, now - pair.startedAt.getTime());
  await deps.database.prisma.linkPair.update({
    where: { runId_position: { runId, position } },
    data: {
      leaseUntil: null,
      attempts: counts ? attempts : attempts - 1,
      nextAttemptAt: new Date(now + waitMs),
    },
  });
}
