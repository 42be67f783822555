import { recordAudit } from '../audit/record.ts';
import type { Clock } from '../platform/clock.ts';
import type { Database } from '../platform/database.ts';
import type { Logger } from '../platform/logger.ts';
import type { Metrics } from '../platform/metrics.ts';
import type { Claim } from './claim.ts';
import { waitBeforeRetryMs } from './core/retry-schedule.ts';
import type { Attempt } from './send.ts';

/** Period of failures alone after which an endpoint is disabled, milliseconds: five days. */
const failingForMs = 5 * 86_400_000;

export interface RecordDeps {
  clock: Clock;
  database: Database;
  logger: Logger;
  metrics: Metrics;
}

/**
 * Records the result of an attempt and schedules the next one. A 410, or five days of failures alone, disables
 * the endpoint, with an audit row. Does nothing if the lease was lost in the meantime.
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
  deps.metrics.webhookAttempts.inc({ outcome: isDelivered ? 'delivered' : status });
  if (claim.isFirst) {
    deps.metrics.webhookFirstAttempt.observe(
      Math.max(0, attempt.at - claim.createdAt.getTime()) / 1_000,
    );
  }
  await deps.database.pool.query(
    `with recorded as (
       update webhook_deliveries set status = $3, tries = tries + 1, next_attempt_at = $4,
         leased_until = null, attempts = attempts || $5::jsonb
       where id = $1 and leased_until = $2 returning endpoint_id
     )
     update webhook_endpoints e set failing_since = case when $3 = 'delivered' then null else $6::timestamptz end
     from recorded r where e.id = r.endpoint_id and (e.failing_since is null) <> ($3 = 'delivered')`,
    [
      claim.id,
      claim.leasedUntil,
      status,
      waitMs === null ? null : new Date(now + waitMs),
      JSON.stringify([toStoredAttempt(attempt)]),
      new Date(attempt.at),
    ],
  );
  if (isDelivered) return;
  const failingSince = claim.failingSince?.getTime() ?? attempt.at;
  if (attempt.status === 410) await disable(deps, claim, 'gone', now);
  else if (now - failingSince >= failingForMs) await disable(deps, claim, 'failing', now);
}

/** An attempt as it is stored and shown. */
export interface StoredAttempt {
  at: string;
  status: number | null;
  duration_ms: number;
  error: string | null;
  response: string | null;
}

function toStoredAttempt({ at, status, durationMs, error, response }: Attempt): StoredAttempt {
  return { at: new Date(at).toISOString(), status, duration_ms: durationMs, error, response };
}

async function disable(
  { database, logger }: RecordDeps,
  { endpointId, projectId }: Claim,
  reason: 'gone' | 'failing',
  now: number,
): Promise<void> {
  await database.transaction(async (tx) => {
    const { count } = await tx.webhookEndpoint.updateMany({
      where: {
        id: endpointId,
        status: 'enabled',
        // A success in the meantime keeps it enabled.
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
