import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startTestService, type TestResponse, type TestService } from '../helpers/service.ts';

/* One project's concurrent work is counted in queries and connections; no test measures time. */

/** However busy the machine is. */
const patience = { timeout: 30_000 };

let service: TestService;
/** Two keys of one project. */
let noisy: string[];
let quiet: string;

beforeAll(async () => {
  service = await startTestService();
  const { key } = await service.createProject('noisy');
  const { body } = await service.request('POST', '/admin/projects/noisy/keys', {
    key,
    body: { name: 'another', scopes: ['read', 'admin'] },
  });
  noisy = [key, (body as { key: string }).key]; // made just now
  ({ key: quiet } = await service.createProject('quiet'));
  for (const each of [...noisy, quiet]) {
    await service.request('GET', '/entitlements?user_id=u_1', { key: each });
  }
});
afterAll(() => service.close());

/** Keeps every statement that reads the table waiting until the returned function is called. */
async function lockTable(table: string): Promise<{
  release: () => Promise<void>;
  /** How many connections wait for the table. */
  waiting: () => Promise<number>;
}> {
  const client = await service.deps.database.pool.connect();
  await client.query('begin');
  await client.query(`lock table ${table}`);
  return {
    async release() {
      await client.query('rollback');
      client.release();
    },
    async waiting() {
      const { rows } = await client.query<{ count: number }>(
        `select count(*)::int from pg_locks
         where not granted and locktype = 'relation' and relation = '${table}'::regclass`,
      );
      return rows[0]?.count ?? 0;
    },
  };
}

type Send = (key: string, nth: number) => Promise<TestResponse>;

const get =
  (path: string): Send =>
  (key) =>
    service.request('GET', path, { key });

const batch: Send = (key, nth) =>
  service.request('POST', '/entitlements/batch', { key, body: { user_ids: [`u_${nth}`] } });

const bulk: Send = (key, nth) =>
  service.request('POST', '/admin/grants/bulk', {
    key,
    body: { reason: 'test', grants: [{ user_id: `u_${nth}`, feature_code: 'none' }] },
  });

const bounds: readonly [name: string, table: string, atOnce: number, send: Send][] = [
  ['batches', 'entitlement_segments', 2, batch],
  ['explanations', 'grants', 4, get('/entitlements/explain?user_id=u_1&feature_code=f')],
  ['histories', 'entitlement_segments', 4, get('/entitlements/history?user_id=u_1')],
  [
    'reads of another instant',
    'entitlement_segments',
    4,
    get('/entitlements?user_id=u_1&at=2026-10-01T00:00:00.000Z'),
  ],
  [
    'reads as known then',
    'entitlement_segments',
    4,
    get('/entitlements?user_id=u_1&known_at=2026-10-01T00:00:00.000Z'),
  ],
  ['reports', 'subscriptions', 1, get('/metrics')],
  ['bulk grants', 'features', 1, bulk],
];

describe('one project with all its keys', () => {
  it.each(bounds)(
    'has so many of its %s on a connection at once; another project is answered meanwhile',
    async (_name, table, atOnce, send) => {
      const { release, waiting } = await lockTable(table);
      let answers: Promise<TestResponse[]> | undefined;
      try {
        answers = Promise.all(
          Array.from({ length: 24 }, (_, nth) => send(noisy[nth % 2] ?? '', nth)),
        );
        await vi.waitUntil(async () => (await waiting()) >= atOnce, patience);
        // Requests without that table still have connections, and come after all 24.
        const lists = await Promise.all(
          Array.from({ length: 8 }, () => service.request('GET', '/admin/audit', { key: quiet })),
        );
        expect(new Set(lists.map(({ status }) => status))).toEqual(new Set([200]));
        expect(await waiting()).toBe(atOnce);
      } finally {
        await release();
      }
      const statuses = (await answers).map(({ status }) => status);
      expect(new Set(statuses).size).toBe(1);
      expect(statuses[0]).not.toBe(429);
    },
  );

  it('429 with Retry-After above a hundred that wait, whose Idempotency-Key stays free', async () => {
    const { release } = await lockTable('features');
    const headers = { 'idempotency-key': 'refused' };
    const keyed = (): Promise<TestResponse> =>
      service.request('POST', '/admin/grant', {
        key: noisy[0] ?? '',
        body: { user_id: 'u_1', feature_code: 'none', reason: 'test' },
        headers,
      });
    let answers: Promise<TestResponse[]> | undefined;
    try {
      answers = Promise.all(Array.from({ length: 101 }, (_, nth) => bulk(noisy[0] ?? '', nth)));
      const refused = await keyed();
      expect(refused).toMatchObject({ status: 429, body: { code: 'too_many_requests' } });
      expect(refused.headers['retry-after']).toBe('1');
    } finally {
      await release();
    }
    await answers;
    expect(await keyed()).toMatchObject({ status: 404, body: { code: 'feature_not_found' } });
    const { values } = await service.deps.metrics.rateLimited.get();
    expect(values.find(({ labels }) => labels.limit === 'project')?.value).toBeGreaterThan(0);
  });

  it('can delete a key while everything else of it waits', async () => {
    const { release } = await lockTable('features');
    let answers: Promise<TestResponse[]> | undefined;
    try {
      answers = Promise.all(Array.from({ length: 24 }, (_, nth) => bulk(noisy[0] ?? '', nth)));
      const path = '/admin/projects/noisy/keys/key_unknown';
      const deleted = await service.request('DELETE', path, { key: noisy[1] ?? '' });
      expect(deleted).toMatchObject({ status: 404, body: { code: 'key_not_found' } });
    } finally {
      await release();
    }
    await answers;
  });
});

describe('misses and strong reads', () => {
  it("of a project with many do not go before another's: queries take from the projects in turn", async () => {
    const { release, waiting } = await lockTable('entitlement_segments');
    const strong = (key: string, user: string): Promise<TestResponse> =>
      service.request('GET', `/entitlements?user_id=${user}&consistency=strong`, { key });
    const query = vi.spyOn(service.deps.database.pool, 'query');
    /** The queries for timelines so far; others go through the pool, too. */
    const asked = (): string[] =>
      query.mock.calls
        .map(([statement]) => JSON.stringify(statement))
        .filter((statement) => statement.includes('load-timelines'));
    let answers: Promise<TestResponse[]> | undefined;
    try {
      // Four queries run, and several queries' worth waits.
      const first = Array.from({ length: 8 }, async (_, nth) => {
        await vi.waitUntil(() => asked().length >= Math.min(nth, 4), patience);
        return strong(noisy[nth % 2] ?? '', `first_${nth}`);
      });
      await vi.waitUntil(async () => (await waiting()) === 4, patience);
      const rest = Array.from({ length: 120 }, (_, nth) =>
        strong(noisy[nth % 2] ?? '', `u_${nth}`),
      );
      answers = Promise.all([...first, ...rest, strong(quiet, 'u_1')]);
      await service.request('GET', '/admin/audit', { key: quiet });
    } finally {
      await release();
    }
    const all = await answers;
    expect(new Set(all.map(({ status }) => status))).toEqual(new Set([200]));
    // The four that waited for the table came first.
    expect(asked()[4]).toContain('quiet');
    query.mockRestore();
  });
});
