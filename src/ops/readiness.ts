import type { DatabaseClock } from '../platform/database-clock.ts';
import type { Database } from '../platform/database.ts';
import { appliedNames } from '../platform/migrate.ts';
import type { Redis } from '../platform/redis.ts';
import type { KeyState } from '../platform/stripe.ts';
import { withTimeout } from '../platform/with-timeout.ts';
import { isClockOff } from './clock-watch.ts';

/** Time limit of one check, milliseconds. */
const checkMs = 1_000;

export interface ReadinessDeps {
  database: Database;
  redis: Redis | null;
  databaseClock: Pick<DatabaseClock, 'offsetMs'>;
  keyState: Pick<KeyState, 'isRefused'>;
  /** Whether the background work has run recently. */
  jobsHealthy: () => boolean;
}

export interface Readiness {
  status: 'ready' | 'degraded' | 'not_ready';
  checks: {
    database: 'ok' | 'failed';
    migrations: 'ok' | 'pending' | 'failed';
    /** `off`: no Redis is configured. */
    redis: 'ok' | 'failed' | 'off';
    jobs: 'ok' | 'failed';
    /** `off`: this machine's clock is more than a second from Postgres'. */
    clock: 'ok' | 'off';
    /** `refused`: Stripe does not accept the key. */
    stripe: 'ok' | 'refused';
  };
}

/**
 * Creates the readiness check. Concurrent callers share one check: the route is open, and a flood of requests
 * must not take the connections of clients with a key.
 *
 * @param migrations the names of this release's migrations.
 */
export function createReadiness(
  deps: ReadinessDeps,
  migrations: () => readonly string[],
): () => Promise<Readiness> {
  let asking: Promise<Readiness> | undefined;
  return () => {
    asking ??= checkReadiness(deps, migrations()).finally(() => {
      asking = undefined;
    });
    return asking;
  };
}

/**
 * Checks every dependency concurrently, each for at most a second. Without Redis the service is degraded, not
 * unready, because reads go to Postgres. A wrong machine clock only degrades it, because Postgres' clock is
 * used. A wrong Stripe key only degrades it, because reads and grants need none.
 */
async function checkReadiness(
  deps: ReadinessDeps,
  migrations: readonly string[],
): Promise<Readiness> {
  const { database, redis } = deps;
  const [asked, schema, cache] = await Promise.all([
    outcome(database.pool.query('select 1')),
    schemaOutcome(database, migrations),
    redis === null ? ('off' as const) : outcome(redis.ping()),
  ]);
  const jobs = deps.jobsHealthy() ? ('ok' as const) : ('failed' as const);
  const clock = isClockOff(deps.databaseClock) ? ('off' as const) : ('ok' as const);
  const stripe = deps.keyState.isRefused() ? ('refused' as const) : ('ok' as const);
  const degraded = cache === 'failed' || clock === 'off' || stripe === 'refused';
  const ready = asked === 'ok' && schema === 'ok' && jobs === 'ok';
  return {
    status: !ready ? 'not_ready' : degraded ? 'degraded' : 'ready',
    checks: { database: asked, migrations: schema, redis: cache, jobs, clock, stripe },
  };
}

async function schemaOutcome(
  database: Database,
  migrations: readonly string[],
): Promise<'ok' | 'pending' | 'failed'> {
  const applied = database.pool.query<{ migration_name: string }>(appliedNames);
  return withTimeout(checkMs, applied).then(
    ({ rows }) => {
      const names = new Set(rows.map((row) => row.migration_name));
      return migrations.every((name) => names.has(name)) ? 'ok' : 'pending';
    },
    () => 'failed',
  );
}

async function outcome(question: Promise<unknown>): Promise<'ok' | 'failed'> {
  return withTimeout(checkMs, question).then(
    () => 'ok',
    () => 'failed',
  );
}
