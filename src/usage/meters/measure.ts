import type { Deps } from '../../deps.ts';

/** Measures the usage that is not reported to Stripe yet, and what was not reported in time. */
export async function measureMeterEvents({
  clock,
  database: { pool },
  metrics,
}: Pick<Deps, 'clock' | 'database' | 'metrics'>): Promise<void> {
  const { rows } = await pool.query<{ oldest: Date | null; waiting: number; failed: number }>(
    `select
       (select min(created_at) from meter_events where status = 'pending') as oldest,
       (select count(*)::int from meter_events where status = 'waiting') as waiting,
       (select count(*)::int from meter_events where status = 'failed') as failed`,
  );
  const { oldest = null, waiting = 0, failed = 0 } = rows[0] ?? {};
  const age = oldest === null ? 0 : Math.max(0, (clock() - oldest.getTime()) / 1_000);
  metrics.meterEventsOldest.set(age);
  metrics.meterEventsHeld.set({ state: 'waiting' }, waiting);
  metrics.meterEventsHeld.set({ state: 'failed' }, failed);
}
