import { METHODS, request as send } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { withoutPostgres } from '../helpers/outage.ts';
import { startTestService, type TestService } from '../helpers/service.ts';

/* The traces of requests in the log and in the metrics, under load. */

const lineSchema = z.looseObject({
  level: z.int(),
  msg: z.string(),
  route: z.string().optional(),
  status: z.int().optional(),
  suppressed: z.int().optional(),
  err: z.looseObject({ message: z.string() }).optional(),
});
const levels = { info: 30, error: 50 };

const text: string[] = [];
const lines = () => text.map((line) => lineSchema.parse(JSON.parse(line)));
let service: TestService;
let key: string;
let delayMs = 0;

beforeAll(async () => {
  service = await startTestService({
    log: { write: (line) => void text.push(line) },
    loopDelay: { ms: () => delayMs, restart: () => undefined, stop: () => undefined },
  });
  ({ key } = await service.createProject('notes'));
});
beforeEach(() => {
  text.length = 0;
});
afterAll(() => service.close());

const read = (userId: string) => service.request('GET', `/entitlements?user_id=${userId}`, { key });

/** How many requests were counted under these labels. */
async function counted(labels: Record<string, string | number>): Promise<number> {
  const { values } = await service.deps.metrics.requestSeconds.get();
  return values
    .filter(({ metricName }) => metricName?.endsWith('_count'))
    .filter((series) =>
      Object.entries(labels).every(
        ([name, value]) => String(Reflect.get(series.labels, name)) === String(value),
      ),
    )
    .reduce((sum, { value }) => sum + value, 0);
}

describe('the log', () => {
  it('has one short line for a request that is refused for load', async () => {
    delayMs = 5_000;
    for (let count = 0; count < 20; count += 1) expect((await read('u_1')).status).toBe(503);
    delayMs = 0;
    const told = lines().filter(({ level }) => level >= levels.info);
    expect(told).toHaveLength(20);
    expect(new Set(told.map(({ msg, status }) => `${status} ${msg}`))).toEqual(
      new Set(['503 request completed']),
    );
    expect(text.join('')).not.toContain('"stack"');
  });

  it('says once a second why Postgres does not answer, however many ask, and how often it did not', async () => {
    const failures = () => lines().filter(({ level }) => level >= levels.error);
    await withoutPostgres(service.deps.database, async () => {
      for (let count = 0; count < 20; count += 1)
        expect((await read(`u_${count}`)).status).toBe(503);
      expect(failures().map(({ err }) => err?.message)).toEqual([
        'connect ECONNREFUSED 127.0.0.1:5432',
      ]);
      service.clock.advance(1_000);
      for (let count = 0; count < 20; count += 1) await read(`u_${count}`);
    });
    expect(failures().map(({ suppressed }) => suppressed)).toEqual([0, 19]);
  });
});

describe('a request', () => {
  it('whose client goes before it is answered is counted and logged, as a 499', async () => {
    const url = await service.listen();
    const labels = { route: '/api/v1/entitlements', method: 'GET', status: 499 };
    const { pool } = service.deps.database;
    const blocking = await pool.connect();
    try {
      await blocking.query('begin');
      await blocking.query('lock table entitlement_segments, users in access exclusive mode');
      const client = send(`${url}/api/v1/entitlements?user_id=u_slow`, {
        headers: { authorization: `Bearer ${key}` },
      });
      const gone = new Promise((resolve) => client.on('error', resolve));
      client.end();
      while (pool.totalCount - pool.idleCount < 2) await sleep(5);
      client.destroy();
      await gone;
      await vi.waitFor(async () => {
        expect(await counted(labels)).toBe(1);
      });
    } finally {
      await blocking.query('rollback');
      blocking.release();
    }
    expect(lines()).toContainEqual(
      expect.objectContaining({ ...labels, msg: 'request completed' }),
    );
  });

  it('without a route adds no time series, whatever its method', async () => {
    for (const method of METHODS.filter((name) => name !== 'CONNECT')) {
      // `never`: the types of inject know the usual methods only.
      await service.app.inject({ method: method as never, url: `/made/up/${method}` });
    }
    const { values } = await service.deps.metrics.requestSeconds.get();
    const methods = values.flatMap(({ labels }) =>
      labels.route === 'none' ? [labels.method] : [],
    );
    expect(new Set(methods)).toEqual(new Set(['none']));
  });

  it('whose path cannot be read is counted and logged, and answered with the same headers as any other', async () => {
    const labels = { route: 'none', method: 'none', status: 400 };
    const before = await counted(labels);
    const { headers } = await service.app.inject('/api/v1/entitlements/%zz');
    expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff' });
    expect(await counted(labels)).toBe(before + 1);
    expect(lines()).toContainEqual(
      expect.objectContaining({ ...labels, msg: 'request completed' }),
    );
  });

  it('without a route is logged by method and path, without its query or an e-mail address', async () => {
    await service.app.inject({
      method: 'PUT',
      url: '/api/v1/admin/usr/ann%40example.com?token=hidden_token',
    });
    expect(lines()).toContainEqual(
      expect.objectContaining({
        asked: 'PUT /api/v1/admin/usr/[redacted]',
        code: 'not_found',
        status: 404,
      }),
    );
    expect(text.join('')).not.toContain('hidden_token');
  });

  it('that is refused is logged with the code of its problem', async () => {
    await service.request('GET', '/entitlements?user_id=u_1');
    expect(lines()).toContainEqual(
      expect.objectContaining({ route: '/api/v1/entitlements', status: 401, code: 'unauthorized' }),
    );
  });
});
