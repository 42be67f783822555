import { z } from 'zod';
import type { Deps } from '../deps.ts';
import type { Database } from '../platform/database.ts';
import { appliedNames } from '../platform/migrate.ts';
import { withTimeout } from '../platform/with-timeout.ts';
import { isClockWrong } from './clock-watch.ts';

/** Time limit for one check, milliseconds. */
const maxCheckMs = 1_000;

export interface ReadinessDeps extends Pick<
  Deps,
  'database' | 'redis' | 'databaseClock' | 'keyState'
> {
  /** Whether background work has run recently. */
  jobsHealthy: () => boolean;
}

export const readinessSchema = z
  .object({
    status: z
      .enum(['ready', 'degraded', 'not_ready'])
      .describe(
        '`ready`: all checks succeeded; `degraded`: the service handles requests although Redis, the clock or the Stripe key has a problem; `not_ready`: the service must not get requests',
      ),
    checks: z.object({
      database: z.enum(['ok', 'failed']),
      migrations: z
        .enum(['ok', 'pending', 'failed'])
        .describe(
          '`pending`: a migration of this release was not applied; `failed`: the migrations could not be read',
        ),
      redis: z.enum(['ok', 'failed', 'off']).describe('`off`: Redis is not configured'),
      jobs: z.enum(['ok', 'failed']).describe('`failed`: background work has not run recently'),
      clock: z
        .enum(['ok', 'off'])
        .describe("`off`: this machine's clock differs from Postgres' clock by more than a second"),
      stripe: z.enum(['ok', 'refused']).describe('`refused`: Stripe does not accept the key'),
    }),
  })
  .meta({ id: 'Readiness' });

export type Readiness = z.infer<typeof readinessSchema>;

/**
 * Creates the readiness check. Concurrent callers share one check: the route needs no key, and a flood of
 * requests must not use up the connections.
 *
 * @param migrations the names of this release's migrations.
 */
export function createReadiness(
  deps: ReadinessDeps,
  migrations: () => readonly string[],
): () => Promise<Readiness> {
  let running: Promise<Readiness> | undefined;
  return () => {
    running ??= checkReadiness(deps, migrations()).finally(() => {
      running = undefined;
    });
    return running;
  };
}

/**
 * Checks the dependencies concurrently, each for at most a second. These make the service degraded rather
 * than not ready: an unreachable Redis, because reads then use Postgres; a wrong machine clock, because
 * Postgres' clock is used; and a rejected Stripe key, because reads and grants need none.
 */
async function checkReadiness(
  deps: ReadinessDeps,
  migrations: readonly string[],
): Promise<Readiness> {
  const { database, redis } = deps;
  const [postgres, schema, cache] = await Promise.all([
    outcome(database.pool.query('select 1')),
    schemaOutcome(database, migrations),
    redis === null ? ('off' as const) : outcome(redis.ping()),
  ]);
  const jobs = deps.jobsHealthy() ? ('ok' as const) : ('failed' as const);
  const clock = isClockWrong(deps.databaseClock) ? ('off' as const) : ('ok' as const);
  const stripe = deps.keyState.isRefused() ? ('refused' as const) : ('ok' as const);
  const degraded = cache === 'failed' || clock === 'off' || stripe === 'refused';
  const ready = postgres === 'ok' && schema === 'ok' && jobs === 'ok';
  return {
    status: !ready ? 'not_ready' : degraded ? 'degraded' : 'ready',
    checks: { database: postgres, migrations: schema, redis: cache, jobs, clock, stripe },
  };
}

async function schemaOutcome(
  database: Database,
  migrations: readonly string[],
): Promise<'ok' | 'pending' | 'failed'> {
  const applied = database.pool.query<{ migration_name: string }>(appliedNames);
  return withTimeout(maxCheckMs, applied).then(
    ({ rows }) => {
      const names = new Set(rows.map((row) => row.migration_name));
      return migrations.every((name) => names.has(name)) ? 'ok' : 'pending';
    },
    () => 'failed',
  );
}

async function outcome(check: Promise<unknown>): Promise<'ok' | 'failed'> {
  return withTimeout(maxCheckMs, check).then(
    () => 'ok',
    () => 'failed',
  );
}
