import { recordAudit } from '../audit/record.ts';
import type { Operator, ProjectScope } from '../auth/project-access.ts';
import type { Deps } from '../deps.ts';
import type { WebhookDelivery } from '../generated/prisma/client.ts';
import type { KeepAnswer } from '../http/idempotency.ts';
import { notFound } from '../http/not-found.ts';
import { ProblemError } from '../http/problem.ts';
import { lockEndpoint, targetOf } from './endpoints.ts';

type DeliveryDeps = Pick<Deps, 'clock' | 'database'>;

/**
 * Schedules an immediate attempt of a delivery with the same `webhook-id`, whatever the delivery's status. If
 * the attempt fails, the remaining retries of the schedule follow.
 *
 * @throws ProblemError `delivery_not_found`, `endpoint_disabled`.
 */
export function retryDelivery(
  { clock, database }: DeliveryDeps,
  by: Operator<ProjectScope>,
  id: string,
  keep: KeepAnswer<WebhookDelivery>,
): Promise<WebhookDelivery> {
  const now = clock();
  return database.transaction(async (tx) => {
    const found = await tx.webhookDelivery.findFirst({
      where: {
        id,
        endpoint: {
          deletedAt: null,
          ...(by.projectId === null ? {} : { projectId: by.projectId }),
        },
      },
    });
    if (found === null) throw notFound('delivery_not_found', 'id', id);
    const endpoint = await lockEndpoint(tx, by, found.endpointId);
    if (endpoint.status === 'disabled') throw new ProblemError('endpoint_disabled');
    const row = await tx.webhookDelivery.update({
      where: { id },
      data: { status: 'pending', nextAttemptAt: new Date(now) },
    });
    await recordAudit(tx, {
      ...targetOf(by, endpoint),
      action: 'webhook_delivery.retry',
      targetType: 'webhook_delivery',
      targetId: id,
      at: now,
    });
    await keep(tx, row);
    return row;
  });
}

/** The start and the size of a replay. */
export interface Replay {
  from: string;
  /** The number of notices, and of changes that the endpoint's types include. */
  messages: number;
}

/**
 * Schedules every message since an instant to be sent again with its original `webhook-id`: moves the
 * endpoint's position in the feed back, and makes the notices since then pending.
 *
 * @param from epoch milliseconds.
 * @throws ProblemError `webhook_endpoint_not_found`, `endpoint_disabled`.
 */
export function replaySince(
  { clock, database }: DeliveryDeps,
  by: Operator<ProjectScope>,
  endpointId: string,
  from: number,
  keep: KeepAnswer<Replay>,
): Promise<Replay> {
  const now = clock();
  return database.transaction(async (tx) => {
    const endpoint = await lockEndpoint(tx, by, endpointId);
    if (endpoint.status === 'disabled') throw new ProblemError('endpoint_disabled');
    const since = new Date(from);
    const [changes] = await tx.$queryRaw<{ count: number; first: bigint | null }[]>`
      select min(position) as first, count(*) filter (
        where case when gained || lost || changed = '{}' then 'entitlements.rescheduled'
          else 'entitlements.changed' end = any(${endpoint.types}))::int as count
      from changes where project_id = ${endpoint.projectId} and recorded_at >= ${since}
        and position <= ${endpoint.position}`;
    const first = changes?.first ?? null;
    const notices = await tx.$executeRaw`
      update webhook_deliveries set status = 'pending', tries = 0, next_attempt_at = ${new Date(now)}
      where endpoint_id = ${endpointId} and position is null and created_at >= ${since}`;
    if (first !== null) {
      await tx.webhookEndpoint.update({
        where: { id: endpointId },
        data: { position: first - 1n },
      });
    }
    const replay = { from: since.toISOString(), messages: (changes?.count ?? 0) + notices };
    if (first === null && notices === 0) {
      await keep(tx, replay);
      return replay;
    }
    await recordAudit(tx, {
      ...targetOf(by, endpoint),
      action: 'webhook_endpoint.replay',
      after: { ...replay },
      at: now,
    });
    await keep(tx, replay);
    return replay;
  });
}
