import parsePrometheusTextFormat from 'parse-prometheus-text-format';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { buildApp } from '../../src/app.ts';
import type { App } from '../../src/http/app-types.ts';
import { createLifecycle } from '../../src/platform/lifecycle.ts';
import { startSandbox } from '../../src/sandbox/sandbox.ts';
import { withoutPostgres } from '../helpers/outage.ts';
import { startTestService, type TestService } from '../helpers/service.ts';

const token = 'metrics_token_for_tests';
let service: TestService;

beforeAll(async () => {
  service = await startTestService({ config: { metricsToken: token } });
});
afterAll(() => service.close());

describe('/live', () => {
  it('200 without a key', async () => {
    const { statusCode, body } = await service.app.inject('/live');
    expect([statusCode, body]).toEqual([200, '{"status":"live"}']);
  });
});

async function ready(of: { app: App }): Promise<{ status: number; body: unknown }> {
  const { statusCode, body } = await of.app.inject('/ready');
  return { status: statusCode, body: JSON.parse(body) };
}

describe('/ready', () => {
  it('200: database, migrations, Redis and jobs were really asked', async () => {
    expect(await ready(service)).toEqual({
      status: 200,
      body: {
        status: 'ready',
        checks: {
          database: 'ok',
          migrations: 'ok',
          redis: 'ok',
          jobs: 'ok',
          clock: 'ok',
          stripe: 'ok',
        },
      },
    });
  });

  it('503 where a migration of this release is missing', async () => {
    const { pool } = service.deps.database;
    await pool.query(
      `update _prisma_migrations set finished_at = null where migration_name like '%_invariants'`,
    );
    expect(await ready(service)).toMatchObject({
      status: 503,
      body: { status: 'not_ready', checks: { database: 'ok', migrations: 'pending' } },
    });
    await pool.query(`update _prisma_migrations set finished_at = now() where finished_at is null`);
    expect((await ready(service)).status).toBe(200);
  });

  it('503 where the database cannot be asked, and 200 again without a restart', async () => {
    await withoutPostgres(service.deps.database, async () => {
      expect(await ready(service)).toMatchObject({
        status: 503,
        body: { checks: { database: 'failed' } },
      });
    });
    expect((await ready(service)).status).toBe(200);
  });

  it('asks once for all who ask at the same time, and anew for the next: a flood of questions is none of Postgres', async () => {
    const query = vi.spyOn(service.deps.database.pool, 'query');
    try {
      await Promise.all(Array.from({ length: 50 }, () => ready(service)));
      const once = query.mock.calls.length;
      await ready(service);
      expect([once, query.mock.calls.length]).toEqual([2, 4]);
    } finally {
      query.mockRestore();
    }
  });

  it('503 at once where the process stops, without asking anything', async () => {
    const lifecycle = createLifecycle();
    const stopping = await buildApp({ ...service.deps, lifecycle });
    try {
      expect((await ready({ app: stopping })).status).toBe(200);
      lifecycle.beginStop();
      await withoutPostgres(service.deps.database, async () => {
        const answer = await stopping.inject('/ready');
        expect([answer.statusCode, answer.json()]).toEqual([503, { status: 'stopping' }]);
        expect(answer.headers.connection).toBe('close');
        expect((await stopping.inject('/live')).statusCode).toBe(200);
      });
    } finally {
      await stopping.close();
    }
  });

  it('503 where the background work does not come round', async () => {
    const stuck = await buildApp({ ...service.deps, jobsHealthy: () => false });
    try {
      expect(await ready({ app: stuck })).toMatchObject({
        status: 503,
        body: { checks: { database: 'ok', jobs: 'failed' } },
      });
    } finally {
      await stuck.close();
    }
  });

  it('200 but degraded while Stripe refuses the key', async () => {
    const sandbox = await startSandbox({ secretKey: 'sk_test_right' });
    const wrong = await startTestService({ stripeUrl: sandbox.url, stripeKey: 'sk_test_wrong' });
    const stripeIs = async (state: string) => {
      expect(await ready(wrong)).toMatchObject({
        status: 200,
        body: { status: state === 'ok' ? 'ready' : 'degraded', checks: { stripe: state } },
      });
    };
    try {
      await stripeIs('ok');
      await expect(wrong.deps.stripe.customers.list()).rejects.toThrow('Invalid API Key');
      await stripeIs('refused');
      sandbox.faults.api({ status: 500, times: 1 });
      await expect(wrong.deps.stripeInBackground.customers.list()).rejects.toThrow();
      await stripeIs('refused');
    } finally {
      await wrong.close();
      await sandbox.close();
    }
  });

  it('200 but degraded where Redis cannot be reached: reads go to Postgres', async () => {
    const without = await startTestService();
    try {
      without.deps.redis?.disconnect();
      expect(await ready(without)).toMatchObject({
        status: 200,
        body: { status: 'degraded', checks: { redis: 'failed' } },
      });
    } finally {
      await without.close();
    }
  });

  it('200 without Redis, where that is the choice', async () => {
    const without = await startTestService({ redis: false });
    try {
      expect(await ready(without)).toMatchObject({
        status: 200,
        body: { status: 'ready', checks: { redis: 'off' } },
      });
    } finally {
      await without.close();
    }
  });
});

describe('/metrics', () => {
  const metrics = (authorization?: string) =>
    service.app.inject({
      url: '/metrics',
      headers: authorization === undefined ? {} : { authorization },
    });

  it('200 with the token: Prometheus text with our metrics', async () => {
    const { statusCode, body, headers } = await metrics(`Bearer ${token}`);
    expect(statusCode).toBe(200);
    expect(headers['content-type']).toContain('text/plain');
    expect(body).toContain('latchkey_inbox_oldest_wanted_seconds');
    expect(body).toContain('latchkey_http_request_seconds_bucket');
  });

  it('is read by a parser of the format as exactly what was measured', async () => {
    const { key } = await service.createProject('measured');
    await service.request('GET', '/entitlements?user_id=u_of_a_user', { key });
    const { body } = await metrics(`Bearer ${token}`);
    const families = new Map(parsePrometheusTextFormat(body).map((one) => [one.name, one]));
    const { registry } = service.deps.metrics;
    const names = registry.getMetricsAsArray().map(({ name }) => name);
    expect([...families.keys()].sort()).toEqual(names.sort());

    expect(families.get('latchkey_http_request_seconds')?.type).toBe('HISTOGRAM');
    expect(body).toContain(
      'latchkey_http_request_seconds_count{route="/api/v1/entitlements",method="GET",status="200"} 1\n',
    );
    expect(families.get('latchkey_cache_reads_total')?.metrics).toContainEqual({
      labels: { result: 'miss' },
      value: '1',
    });
    expect(families.get('latchkey_postgres_connections')?.metrics).toHaveLength(2);
    expect(body).not.toContain('u_of_a_user');
  });

  it.each([undefined, 'Bearer wrong', token])('401 with %s', async (authorization) => {
    expect((await metrics(authorization)).statusCode).toBe(401);
  });

  it('404 where no token is set', async () => {
    const without = await startTestService();
    try {
      const { statusCode } = await without.app.inject('/metrics');
      expect(statusCode).toBe(404);
    } finally {
      await without.close();
    }
  });
});
