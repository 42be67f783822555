import type pg from 'pg';
import Stripe from 'stripe';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { adminKey, startTestService, type TestService } from '../helpers/service.ts';

let service: TestService;

beforeAll(async () => {
  service = await startTestService();
});
afterAll(() => service.close());

function post(payload: string, headers: Record<string, string> = {}) {
  return service.app.inject({
    method: 'POST',
    url: '/api/v1/admin/projects',
    payload,
    headers: {
      authorization: `Bearer ${adminKey}`,
      'content-type': 'application/json',
      ...headers,
    },
  });
}

/**
 * Runs `work` while Postgres is really down, to test the real errors of the driver and Prisma: new
 * connections are refused, and open ones cut.
 */
async function cutOffFromPostgres(pool: pg.Pool, work: () => Promise<void>): Promise<void> {
  const { connectionString } = pool.options;
  // A port on which nothing listens.
  pool.options.connectionString = 'postgres://127.0.0.1:9/nowhere';
  const others = `select pg_terminate_backend(pid) from pg_stat_activity
                  where datname = current_database() and pid <> pg_backend_pid()`;
  try {
    // The query fails if its own connection was cut.
    await pool.query(others).catch(() => undefined);
    await pool.query('select pg_terminate_backend(pg_backend_pid())').catch(() => undefined);
    await work();
  } finally {
    pool.options.connectionString = connectionString;
  }
}

describe('every error', () => {
  it('is a problem that carries the id of the request', async () => {
    const { headers, body } = await service.app.inject('/nowhere');
    expect(headers['content-type']).toContain('application/problem+json');
    expect(JSON.parse(body)).toEqual({
      type: 'urn:latchkey:problem:not_found',
      title: 'Path not found',
      status: 404,
      code: 'not_found',
      detail: 'The path does not exist. /openapi.json lists all paths.',
      request_id: headers['x-request-id'],
    });
  });

  it.each([
    [400, 'bad_request', '{'],
    [400, 'bad_request', ''],
    [400, 'bad_request', 'null'],
    [400, 'bad_request', '[]'],
    [400, 'bad_request', '{"id":"x","name":"x","__proto__":{"a":1}}'],
    [413, 'payload_too_large', JSON.stringify({ name: 'x'.repeat(1_048_577) })],
  ])('%i %s', async (status, code, payload) => {
    const answer = await post(payload);
    expect(answer.statusCode).toBe(status);
    expect(JSON.parse(answer.body)).toMatchObject({ status, code });
  });

  it.each([
    ['a list', '[', ']'],
    ['an object', '{"a":', '}'],
  ])(
    '400 for %s that nests too deep to be walked, whoever would walk it',
    async (_, open, close) => {
      const { key } = await service.createProject(`deep_${open.length}`);
      await service.request('PUT', '/admin/features/theme', {
        key,
        body: { name: 'Theme', type: 'config' },
      });
      const deep = `${open.repeat(20_000)}1${close.repeat(20_000)}`;
      const requests = [
        ['POST', '/admin/grant', { 'idempotency-key': `deep-${open.length}` }],
        ['POST', '/admin/grant', {}],
        ['PUT', '/admin/features/theme', {}],
      ] as const;
      for (const [method, path, headers] of requests) {
        const body = `{"user_id":"u","feature_code":"theme","reason":"deep","name":"deep","type":"config","value":${deep}}`;
        const answer = await service.request(method, path, { key, body, headers });
        expect(answer, `${method} ${path}`).toMatchObject({
          status: 400,
          body: { code: 'bad_request', detail: expect.stringContaining('64 levels') as string },
        });
      }
    },
  );

  it('415 for what is not JSON', async () => {
    const answer = await post('<project/>', { 'content-type': 'text/xml' });
    expect(answer.statusCode).toBe(415);
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'unsupported_media_type' });
  });

  it('an empty body counts as none, for any content type: a DELETE with one is answered', async () => {
    const { key } = await service.createProject('emptied');
    const headers = { 'content-type': 'application/json' };
    const features = '/admin/features/once';
    await service.request('PUT', features, { key, body: { name: 'Once', type: 'boolean' } });
    expect(await service.request('DELETE', features, { key, headers })).toMatchObject({
      status: 200,
    });
    expect(await service.request('POST', '/admin/grant', { key, headers })).toMatchObject({
      status: 400,
      body: { code: 'bad_request' },
    });
  });

  it('500 reveals nothing internal', async () => {
    const broken = vi
      .spyOn(service.deps.database, 'transaction')
      .mockRejectedValue(new Error('relation "secret_table" at 10.0.0.7'));
    const answer = await post('{"id":"x","name":"x"}');
    broken.mockRestore();
    expect(answer.statusCode).toBe(500);
    expect(answer.body).not.toContain('secret_table');
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'internal_error' });
  });

  it('503 with Retry-After while the database cannot be reached, and no restart afterwards', async () => {
    await cutOffFromPostgres(service.deps.database.pool, async () => {
      for (const answer of [
        await post('{"id":"x","name":"x"}'),
        await post('{"id":"x","name":"x"}', { 'idempotency-key': 'k' }),
        await service.app.inject({
          url: '/api/v1/entitlements?user_id=u_1&project_id=x',
          headers: { authorization: `Bearer ${adminKey}` },
        }),
      ]) {
        expect(answer.statusCode).toBe(503);
        expect(answer.headers['retry-after']).toBe('1');
        expect(JSON.parse(answer.body)).toMatchObject({ code: 'not_ready' });
        expect(answer.body).not.toContain('127.0.0.1');
      }
    });
    expect((await post('{"id":"back","name":"x"}')).statusCode).toBe(201);
  });

  it('502 reveals nothing of Stripe’s message', async () => {
    const refused = vi.spyOn(service.deps.database, 'transaction').mockRejectedValue(
      new Stripe.errors.StripeAuthenticationError({
        type: 'invalid_request_error',
        message: 'Invalid API Key provided: sk_live_secret',
      }),
    );
    const answer = await post('{"id":"y","name":"y"}');
    refused.mockRestore();
    expect(answer.statusCode).toBe(502);
    expect(answer.body).not.toContain('sk_live');
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'stripe_unavailable' });
  });
});

describe('what Postgres cannot store', () => {
  it.each(['"a\\u0000b"', '"\\ud800\\u0000"'])('400: the name %s', async (name) => {
    const answer = await post(`{"id":"nul","name":${name}}`);
    expect(answer.statusCode).toBe(400);
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'bad_request' });
  });

  it('400: half a surrogate pair in what the audit keeps as it came', async () => {
    const { key } = await service.createProject('halves');
    const body = { name: '\ud800', scopes: ['read'] };
    expect(
      await service.request('POST', '/admin/projects/halves/keys', { key, body }),
    ).toMatchObject({
      status: 400,
      body: { code: 'bad_request' },
    });
  });
});

describe('the request id', () => {
  it.each(['abc-123', 'trace:4bf92f35.1'])("is the caller's own if it sends %s", async (id) => {
    const { headers } = await service.app.inject({ url: '/live', headers: { 'x-request-id': id } });
    expect(headers['x-request-id']).toBe(id);
  });

  it.each(['', 'with space', 'x'.repeat(101)])('is ours if it sends %j', async (id) => {
    const { headers } = await service.app.inject({ url: '/live', headers: { 'x-request-id': id } });
    expect(headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe('a query', () => {
  it('400: is refused by name where a route takes none', async () => {
    const answer = await service.request('GET', '/admin/projects/x?verbose=1', { key: adminKey });
    expect(answer).toMatchObject({ status: 400, body: { errors: [{ path: 'verbose' }] } });
  });

  it('200: does not log probes', async () => {
    expect((await service.app.inject('/live?probe=1')).statusCode).toBe(200);
  });
});

describe('a path that cannot be decoded', () => {
  it('400: is a problem like any other', async () => {
    const { statusCode, headers, body } = await service.app.inject('/api/v1/admin/projects/%zz');
    expect(statusCode).toBe(400);
    expect(headers['content-type']).toContain('application/problem+json');
    expect(JSON.parse(body)).toMatchObject({
      code: 'bad_request',
      request_id: headers['x-request-id'],
    });
  });
});
