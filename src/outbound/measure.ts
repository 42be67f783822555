import type { Deps } from '../deps.ts';

/** Measures the delay of webhooks and the number of endpoints that the service disabled. */
export async function measureWebhooks(
  deps: Pick<Deps, 'clock' | 'database' | 'metrics'>,
): Promise<void> {
  const now = deps.clock();
  const { rows } = await deps.database.pool.query<{
    due: Date | null;
    undelivered: Date | null;
    disabled: number;
  }>(
    `select min(first.next_attempt_at) as due, min(oldest.created_at) as undelivered,
       (select count(*)::int from webhook_endpoints
        where disabled_reason in ('gone', 'failing') and deleted_at is null) as disabled
     from webhook_endpoints e
     cross join lateral (
       select d.created_at from webhook_deliveries d
       where d.endpoint_id = e.id and d.status = 'pending' order by d.created_at limit 1
     ) oldest
     left join lateral (
       select d.next_attempt_at from webhook_deliveries d
       where d.endpoint_id = e.id and d.status = 'pending'
         and (d.leased_until is null or d.leased_until <= $1)
       order by d.next_attempt_at limit 1
     ) first on true
     where e.status = 'enabled' and e.deleted_at is null`,
    [new Date(now)],
  );
  const ageOf = (since: Date | null | undefined): number =>
    since === null || since === undefined ? 0 : Math.max(0, (now - since.getTime()) / 1_000);
  const [row] = rows;
  deps.metrics.webhookDueSeconds.set(ageOf(row?.due));
  deps.metrics.webhookUndeliveredSeconds.set(ageOf(row?.undelivered));
  deps.metrics.webhookEndpointsDisabled.set(row?.disabled ?? 0);
}
