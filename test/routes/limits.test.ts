import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startTestService, type TestResponse, type TestService } from '../helpers/service.ts';

const services: TestService[] = [];

async function start(options: Parameters<typeof startTestService>[0]): Promise<TestService> {
  const service = await startTestService(options);
  services.push(service);
  return service;
}
afterAll(() => Promise.all(services.map((service) => service.close())));

/** Runs `work` and returns how many queries looked a key up meanwhile. */
async function lookups(service: TestService, work: () => Promise<unknown>): Promise<number> {
  const query = vi.spyOn(service.deps.database.pool, 'query');
  await work();
  const asked = query.mock.calls.filter(([request]) =>
    JSON.stringify(request).includes('find-key'),
  );
  query.mockRestore();
  return asked.length;
}

describe('the limit of a key', () => {
  const maxRps = 20;
  let service: TestService;
  let notes: string;
  let other: string;
  const read = (key: string): Promise<TestResponse> =>
    service.request('GET', '/entitlements?user_id=u_1', { key });
  const reads = (key: string, count: number): Promise<TestResponse[]> =>
    Promise.all(Array.from({ length: count }, () => read(key)));

  beforeAll(async () => {
    service = await start({ config: { keyMaxRps: maxRps } });
    ({ key: notes } = await service.createProject('notes'));
    ({ key: other } = await service.createProject('other'));
  });

  it('429 with Retry-After above it, and another key goes on', async () => {
    service.clock.advance(1_000);
    const answers = await reads(notes, maxRps + 5);
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused).toHaveLength(5);
    expect(refused[0]).toMatchObject({ body: { code: 'too_many_requests' } });
    expect(refused[0]?.headers['retry-after']).toBe('1');
    expect(await read(other)).toMatchObject({ status: 200 });
    const { values } = await service.deps.metrics.rateLimited.get();
    expect(values).toContainEqual({ labels: { limit: 'key' }, value: 5 });
  });

  it('is open again after what Retry-After says', async () => {
    service.clock.advance(1_000);
    await reads(notes, maxRps);
    expect((await read(notes)).status).toBe(429);
    service.clock.advance(1_000);
    expect((await read(notes)).status).toBe(200);
  });

  it('counts all routes of the key together, the refused ones too short of a scope included', async () => {
    service.clock.advance(1_000);
    await reads(notes, maxRps - 1);
    expect(
      (await service.request('POST', '/admin/projects', { key: notes, body: {} })).status,
    ).toBe(403);
    expect((await read(notes)).status).toBe(429);
  });

  it('is not one of what has no key: probes, and what Stripe posts', async () => {
    for (let count = 0; count <= maxRps; count += 1) {
      const [live, ready, webhook] = await Promise.all([
        service.app.inject('/live'),
        service.app.inject('/ready'),
        service.request('POST', '/webhooks/stripe', { body: {} }),
      ]);
      expect([live.statusCode, ready.statusCode, webhook.status]).toEqual([200, 200, 400]);
    }
  });
});

describe('keys that are not valid', () => {
  const guess = (service: TestService, number: number, address?: string): Promise<TestResponse> =>
    service.request('GET', '/entitlements?user_id=u_1', {
      key: `lk_guessed_${number}`,
      headers: address === undefined ? {} : { 'x-forwarded-for': address },
    });

  it('429 from the hundred and first on, without a query, until a second has passed', async () => {
    const service = await start({});
    const { key } = await service.createProject('notes');
    await service.request('GET', '/entitlements?user_id=u_1', { key });
    const statuses: number[] = [];
    const asked = await lookups(service, async () => {
      for (let number = 0; number < 1_000; number += 1) {
        statuses.push((await guess(service, number)).status);
      }
    });
    expect(statuses.filter((status) => status === 401)).toHaveLength(100);
    expect(statuses.slice(100).every((status) => status === 429)).toBe(true);
    expect(asked).toBe(100);

    const refused = await guess(service, 1_000);
    expect(refused).toMatchObject({ status: 429, body: { code: 'too_many_requests' } });
    expect(refused.headers['retry-after']).toBe('1');
    // Whose key is known goes on, from the same address.
    const known = await service.request('GET', '/entitlements?user_id=u_1', { key });
    expect(known.status).toBe(200);
    service.clock.advance(1_000);
    expect((await guess(service, 1_001)).status).toBe(401);
    expect((await guess(service, 1_002)).status).toBe(429);
  });

  it('cost one query where they are the same and come at once; valid ones cost nothing in the end', async () => {
    const service = await start({});
    const { key } = await service.createProject('notes');
    const crowd = (of: string): Promise<TestResponse[]> =>
      Promise.all(
        Array.from({ length: 300 }, () =>
          service.request('GET', '/entitlements?user_id=u_1', { key: of }),
        ),
      );
    expect(await lookups(service, () => crowd('lk_guessed'))).toBe(1);
    expect((await crowd(key)).every(({ status }) => status === 200)).toBe(true);
    const left = await Promise.all(
      Array.from({ length: 100 }, (_, number) => guess(service, number)),
    );
    expect(left.filter(({ status }) => status === 401)).toHaveLength(99);
  });

  it('count for the address that a trusted proxy names, and for no address that a client makes up', async () => {
    const behind = await start({ config: { trustedProxies: ['loopback'] } });
    const exposed = await start({});
    for (const service of [behind, exposed]) {
      for (let number = 0; number < 100; number += 1) await guess(service, number, '203.0.113.1');
    }
    expect((await guess(behind, 100, '203.0.113.1')).status).toBe(429);
    expect((await guess(behind, 100, '203.0.113.2')).status).toBe(401);
    expect((await guess(exposed, 100, '203.0.113.2')).status).toBe(429);
  });

  it('cost no token where Postgres could not be asked', async () => {
    const service = await start({});
    const { pool } = service.deps.database;
    const query = vi
      .spyOn(pool, 'query')
      // `never`: the spy is typed after the callback forms, which nothing here uses.
      .mockImplementation(() => Promise.reject(new Error('connect ECONNREFUSED')) as never);
    for (let number = 0; number < 150; number += 1) {
      expect((await guess(service, number)).status).toBe(503);
    }
    query.mockRestore();
    expect((await guess(service, 150)).status).toBe(401);
  });
});

describe('the size of a body', () => {
  it('413 above a quarter of a mebibyte; lists of a thousand may have a whole one', async () => {
    const service = await start({});
    const { key } = await service.createProject('notes');
    const body = (bytes: number): string => JSON.stringify({ padding: 'x'.repeat(bytes) });
    const post = async (path: string, bytes: number): Promise<unknown> =>
      (await service.request('POST', path, { key, body: body(bytes) })).status;
    expect(await post('/admin/grant', 262_000)).toBe(400);
    expect(await post('/admin/grant', 263_000)).toBe(413);
    for (const path of ['/admin/grants/bulk', '/admin/customers/link']) {
      expect(await post(path, 1_040_000)).toBe(400);
      expect(await post(path, 1_050_000)).toBe(413);
    }
  });
});

describe('a request that trickles in', () => {
  it('is cut off after half a minute, its headers after a third of that', async () => {
    const { server } = (await start({})).app;
    expect([server.requestTimeout, server.headersTimeout]).toEqual([30_000, 10_000]);
  });

  it('is cut off within a second of that, however steadily it trickles', async () => {
    const service = await start({});
    const url = new URL(await service.listen());
    // A hundredth of it, so that nobody waits for half a minute.
    service.app.server.requestTimeout /= 100;
    service.app.server.headersTimeout /= 100;
    const socket = connect(Number(url.port), url.hostname);
    const trickle = setInterval(() => socket.write(' '), 50);
    try {
      socket.write(
        'POST /api/v1/webhooks/stripe HTTP/1.1\r\nHost: test\r\n' +
          'Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{',
      );
      const [answer] = (await once(socket, 'data')) as [Buffer];
      expect(answer.toString()).toMatch(/^HTTP\/1\.1 408 /);
    } finally {
      clearInterval(trickle);
      socket.destroy();
    }
  });
});
