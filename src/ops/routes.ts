import { createHash, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import type { Deps } from '../deps.ts';
import type { App } from '../http/app-types.ts';
import { readMigrations } from '../platform/migrate.ts';
import { createReadiness, type ReadinessDeps, readinessSchema } from './readiness.ts';

export interface OpsRouteDeps extends ReadinessDeps, Pick<Deps, 'lifecycle' | 'metrics'> {
  /** The token for the metrics route; undefined to disable the route. */
  metricsToken: string | undefined;
}

/** The response while the instance is stopping, which makes the load balancer send requests elsewhere. */
const stoppingSchema = z.object({ status: z.literal('stopping') }).meta({ id: 'Stopping' });

const tags = ['Operations'];

/** Registers the routes for orchestrators and monitoring. */
export function opsRoutes(app: App, deps: OpsRouteDeps): void {
  let migrations: readonly string[] = [];
  const readiness = createReadiness(deps, () => migrations);
  app.addHook('onReady', async () => {
    migrations = (await readMigrations()).map(({ name }) => name);
  });

  app.get(
    '/live',
    {
      config: { auth: 'open' },
      schema: {
        tags,
        summary: 'Report that the process is running',
        response: { 200: z.object({ status: z.literal('live') }) },
      },
    },
    () => ({ status: 'live' as const }),
  );

  app.get(
    '/ready',
    {
      config: { auth: 'open' },
      schema: {
        tags,
        summary:
          'Report whether the service can handle requests. Checks its dependencies within a second.',
        response: { 200: readinessSchema, 503: z.union([readinessSchema, stoppingSchema]) },
      },
    },
    async (_request, reply) => {
      void reply.preventCache();
      if (deps.lifecycle.isStopping) return reply.code(503).send({ status: 'stopping' });
      const found = await readiness();
      return reply.code(found.status === 'not_ready' ? 503 : 200).send(found);
    },
  );

  app.get(
    '/metrics',
    {
      config: { auth: 'open', problems: ['unauthorized', 'not_found'] },
      schema: {
        tags,
        summary:
          'Get the metrics for Prometheus. Send METRICS_TOKEN as the bearer token. If METRICS_TOKEN is not set, the route responds with 404.',
        response: {
          200: {
            description: 'Metrics in the Prometheus text format',
            content: { 'text/plain': { schema: z.string() } },
          },
        },
      },
    },
    async (request, reply) => {
      const { metricsToken } = deps;
      if (metricsToken === undefined)
        throw app.httpErrors.notFound('Set METRICS_TOKEN to serve metrics.');
      if (!isSame(request.headers.authorization ?? '', `Bearer ${metricsToken}`)) {
        throw app.httpErrors.unauthorized('Send METRICS_TOKEN: Authorization: Bearer TOKEN.');
      }
      const { registry, postgresConnections, postgresWaiting } = deps.metrics;
      const { totalCount, idleCount, waitingCount } = deps.database.pool;
      postgresConnections.set({ state: 'in_use' }, totalCount - idleCount);
      postgresConnections.set({ state: 'idle' }, idleCount);
      postgresWaiting.set(waitingCount);
      return reply.type(registry.contentType).send(await registry.metrics());
    },
  );
}

/** Compares hashes in constant time, so that the duration reveals nothing about the token. */
function isSame(given: string, expected: string): boolean {
  const hash = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(given), hash(expected));
}
