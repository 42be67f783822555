import { recordAudit } from '../audit/record.ts';
import type { Deps } from '../deps.ts';
import type { Claim } from './claim.ts';
import { waitBeforeRetryMs } from './core/retry-schedule.ts';
import { maxStoredAttempts, type StoredAttempt } from './schemas.ts';
import type { Attempt } from './send.ts';

/** Time without a successful attempt after which an endpoint is disabled, milliseconds: five days. */
const failingForMs = 5 * 86_400_000;

export type RecordDeps = Pick<Deps, 'clock' | 'database' | 'logger' | 'metrics'>;

/**
 * Records the result of an attempt and schedules the next one. A 410, or five days in which every attempt
 * failed, disables the endpoint, with an audit row.
 */
export async function recordAttempt(
  deps: RecordDeps,
  claim: Claim,
  attempt: Attempt,
): Promise<void> {
  const now = Math.floor(deps.clock());
  const isDelivered = attempt.error === null;
  const waitMs = isDelivered
    ? null
    : waitBeforeRetryMs(claim.tries + 1, attempt.retryAfterMs, Math.random());
  const status = isDelivered ? 'delivered' : waitMs === null ? 'failed' : 'pending';
  deps.metrics.webhookAttempts.inc({ outcome: status });
  if (claim.isFirst) {
    deps.metrics.webhookFirstAttempt.observe(
      Math.max(0, attempt.at - claim.createdAt.getTime()) / 1_000,
    );
  }
  await noteHealth(deps, claim, attempt);
  await storeAttempt(deps, claim, attempt, {
    status,
    nextAttemptAt: waitMs === null ? null : new Date(now + waitMs),
  });
  if (isDelivered) return;
  const failingSince = claim.failingSince?.getTime() ?? attempt.at;
  if (attempt.status === 410) await disable(deps, claim, 'gone', now);
  else if (now - failingSince >= failingForMs) await disable(deps, claim, 'failing', now);
}

/**
 * Records since when every attempt to an endpoint has failed. This is a separate statement: together with the
 * delivery's, it would lock the two rows in the opposite order to a replay, and they could deadlock.
 */
async function noteHealth({ database }: RecordDeps, claim: Claim, attempt: Attempt): Promise<void> {
  const isDelivered = attempt.error === null;
  if (isDelivered === (claim.failingSince === null)) return;
  await database.pool.query(
    `update webhook_endpoints set failing_since = $3
     where id = $1 and url = $2 and (failing_since is null) = ($3::timestamptz is not null)`,
    [claim.endpointId, claim.url, isDelivered ? null : new Date(attempt.at)],
  );
}

/**
 * Stores an attempt, unless the lease was lost. If an operator requested a retry during the attempt
 * (`next_attempt_at` differs), the retry follows whatever the result is. Only the last attempts are kept,
 * because operators may retry any number of times.
 */
async function storeAttempt(
  { database }: RecordDeps,
  claim: Claim,
  attempt: Attempt,
  { status, nextAttemptAt }: { status: string; nextAttemptAt: Date | null },
): Promise<void> {
  const { at, status: httpStatus, durationMs, error, response } = attempt;
  const stored: StoredAttempt = {
    ...{ at: new Date(at).toISOString(), status: httpStatus, duration_ms: durationMs },
    ...{ error, response },
  };
  await database.pool.query(
    `update webhook_deliveries set leased_until = null,
       attempts = jsonb_path_query_array(attempts || $6::jsonb, '$[last - ${maxStoredAttempts - 1} to last]'),
       status = case when next_attempt_at = $3 then $4 else status end,
       tries = case when next_attempt_at = $3 then tries + 1 else tries end,
       next_attempt_at = case when next_attempt_at = $3 then $5::timestamptz else next_attempt_at end
     where id = $1 and leased_until = $2`,
    [claim.id, claim.leasedUntil, claim.dueAt, status, nextAttemptAt, JSON.stringify([stored])],
  );
}

async function disable(
  { database, logger }: RecordDeps,
  { endpointId, projectId, url }: Claim,
  reason: 'gone' | 'failing',
  now: number,
): Promise<void> {
  await database.transaction(async (tx) => {
    const { count } = await tx.webhookEndpoint.updateMany({
      where: {
        ...{ id: endpointId, status: 'enabled', deletedAt: null },
        // An operator may have changed the URL during the attempt.
        url,
        // A concurrent attempt may have succeeded.
        ...(reason === 'failing' ? { failingSince: { lte: new Date(now - failingForMs) } } : {}),
      },
      data: { status: 'disabled', disabledReason: reason },
    });
    if (count === 0) return;
    await recordAudit(tx, {
      projectId,
      actor: 'system',
      action: 'webhook_endpoint.disable',
      targetType: 'webhook_endpoint',
      targetId: endpointId,
      after: { status: 'disabled', disabled_reason: reason },
      requestId: null,
      at: now,
    });
    logger.warn(
      { endpointId, reason },
      'a webhook endpoint was disabled: PATCH /api/v1/admin/webhook-endpoints/{id} enables it',
    );
  });
}
