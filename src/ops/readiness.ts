import type { Clock } from '../platform/clock.ts';
import type { Database } from '../platform/database.ts';
import { readMigrations } from '../platform/migrate.ts';
import type { Redis } from '../platform/redis.ts';

/** How long one check may take. */
const checkMs = 1_000;

export interface ReadinessDeps {
  database: Database;
  redis: Redis | null;
  clock: Clock;
  /** Whether the background work came round lately. */
  jobsHealthy: (now: number) => boolean;
}

export interface Readiness {
  status: 'ready' | 'degraded' | 'not_ready';
  checks: {
    database: 'ok' | 'failed';
    migrations: 'ok' | 'pending' | 'failed';
    /** `off`: no Redis is configured, which is a choice. */
    redis: 'ok' | 'failed' | 'off';
    jobs: 'ok' | 'failed';
  };
}

/**
 * Asks everything that the service needs, each bounded to a second, all at once. Without Redis it is
 * degraded, not unready: reads go to Postgres.
 */
export async function checkReadiness(deps: ReadinessDeps): Promise<Readiness> {
  const [database, migrations, redis] = await Promise.all([
    outcome(deps.database.pool.query('select 1')),
    missingMigrations(deps.database).then(
      (missing) => (missing === 0 ? ('ok' as const) : ('pending' as const)),
      () => 'failed' as const,
    ),
    deps.redis === null ? ('off' as const) : outcome(deps.redis.ping()),
  ]);
  const jobs = deps.jobsHealthy(deps.clock()) ? ('ok' as const) : ('failed' as const);
  const ready = database === 'ok' && migrations === 'ok' && jobs === 'ok';
  return {
    status: !ready ? 'not_ready' : redis === 'failed' ? 'degraded' : 'ready',
    checks: { database, migrations, redis, jobs },
  };
}

async function missingMigrations(database: Database): Promise<number> {
  const ours = await readMigrations();
  const { rows } = await within(
    database.pool.query<{ migration_name: string }>(
      'select migration_name from _prisma_migrations where finished_at is not null and rolled_back_at is null',
    ),
  );
  const applied = new Set(rows.map((row) => row.migration_name));
  return ours.filter(({ name }) => !applied.has(name)).length;
}

async function outcome(question: Promise<unknown>): Promise<'ok' | 'failed'> {
  return within(question).then(
    () => 'ok',
    () => 'failed',
  );
}

async function within<T>(question: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const tooLong = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Error('no answer in time'));
    }, checkMs);
  });
  return Promise.race([question, tooLong]).finally(() => {
    clearTimeout(timer);
  });
}
