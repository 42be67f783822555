import type { Deps } from '../deps.ts';
import type { Clock } from '../platform/clock.ts';
import { type DatabaseClock, maxOffsetMs } from '../platform/database-clock.ts';
import type { Database } from '../platform/database.ts';

export type ClockWatchDeps = Pick<Deps, 'database' | 'databaseClock' | 'logger' | 'metrics'>;

/**
 * Returns a function that compares this machine's clock with that of Postgres. Call it every few seconds. It
 * logs when the clocks begin to differ by more than a second, and when they agree again. If Postgres' clock
 * was set back, it moves stored future instants back too, so that no lease or retry waits longer.
 */
export function createClockWatch(deps: ClockWatchDeps): () => Promise<void> {
  const { database, databaseClock, logger, metrics } = deps;
  let wasWrong = false;
  return async () => {
    const setBackMs = await databaseClock.measure();
    const offsetMs = databaseClock.offsetMs() ?? 0;
    metrics.clockOffsetSeconds.set(offsetMs / 1_000);
    const isWrong = isClockWrong(databaseClock);
    if (isWrong && !wasWrong) {
      logger.warn({ offsetMs }, "this machine's clock differs from Postgres' clock");
    }
    if (wasWrong && !isWrong)
      logger.info({ offsetMs }, "this machine's clock agrees with Postgres' clock again");
    wasWrong = isWrong;
    const movedMs = await settleClock(database, setBackMs);
    if (movedMs === 0) return;
    metrics.alarms.inc({ kind: 'clock_set_back' });
    logger.error({ setBackMs: movedMs }, "Postgres' clock was set back");
  };
}

/** Returns whether this machine's clock differs from Postgres' clock by more than a second. */
export function isClockWrong({ offsetMs }: Pick<DatabaseClock, 'offsetMs'>): boolean {
  return Math.abs(offsetMs() ?? 0) > maxOffsetMs;
}

/**
 * Records Postgres' clock. If the clock was set back after an instance last recorded it, or after this
 * process last measured it, moves stored future instants back by the same time.
 *
 * @param setBackMs by how much the clock was set back according to this process.
 * @param clock replaces Postgres' clock in tests.
 * @returns by how much instants were moved, milliseconds; 0 if nothing was moved.
 */
export async function settleClock(
  { pool }: Pick<Database, 'pool'>,
  setBackMs: number,
  clock?: Clock,
): Promise<number> {
  const { rows } = await pool.query<{ moved: number }>(
    `select extract(epoch from
       settle_clock(coalesce($1, clock_timestamp()), make_interval(secs => $2)))::float8 * 1000 as moved`,
    [clock === undefined ? null : new Date(clock()), setBackMs / 1_000],
  );
  return rows[0]?.moved ?? 0;
}
