import type { Deps } from '../../deps.ts';
import { maxEventAgeMs } from './report.ts';

/**
 * Makes events due whose user has got a customer since, if Stripe still accepts them.
 */
export async function wakeWaiting({
  clock,
  database: { pool },
}: Pick<Deps, 'clock' | 'database'>): Promise<void> {
  const now = clock();
  await pool.query(
    `update meter_events m set status = 'pending', next_attempt_at = $1
     where m.status = 'waiting' and m.at >= $2
       and exists (select from customers c where c.uid = m.uid and not c.deleted)`,
    [new Date(now), new Date(now - maxEventAgeMs)],
  );
}
