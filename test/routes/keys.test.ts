import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { hashKey } from '../../src/auth/api-key.ts';
import { at, text } from '../helpers/json.ts';
import { withoutPostgres } from '../helpers/outage.ts';
import { adminKey, startTestService, type TestService } from '../helpers/service.ts';

let service: TestService;
let notes: { projectId: string; key: string };
let other: { projectId: string; key: string };

beforeAll(async () => {
  service = await startTestService();
  notes = await service.createProject('notes');
  other = await service.createProject('other');
});
afterAll(() => service.close());

async function makeKey(body: object): Promise<{ id: string; key: string }> {
  const made = await service.request('POST', '/admin/projects/notes/keys', {
    key: notes.key,
    body: { name: 'k', scopes: ['read'], ...body },
  });
  expect(made.status).toBe(201);
  return { id: text(made.body, 'id'), key: text(made.body, 'key') };
}

async function read(key: string, query = ''): Promise<{ status: number; body: unknown }> {
  return service.request('GET', `/entitlements?user_id=u_1${query}`, { key });
}

describe('a key', () => {
  it('works at once, is shown once, and only its hash is stored', async () => {
    const { id, key } = await makeKey({});
    expect((await read(key)).status).toBe(200);
    const listed = await service.request('GET', '/admin/projects/notes/keys', { key: notes.key });
    expect(JSON.stringify(listed.body)).toContain(id);
    expect(JSON.stringify(listed.body)).not.toContain(key);
    const { rows } = await service.deps.database.pool.query<{ found: boolean }>(
      `select exists (select from api_keys k where k::text like '%' || $1 || '%') as found`,
      [key.slice(-40)],
    );
    expect(rows).toEqual([{ found: false }]);
  });

  it('stops within 5 seconds of its deletion, and a second deletion finds none', async () => {
    const { id, key } = await makeKey({});
    expect((await read(key)).status).toBe(200);
    const path = `/admin/projects/notes/keys/${id}`;
    expect((await service.request('DELETE', path, { key: notes.key })).status).toBe(200);
    service.clock.advance(5_000);
    expect(await read(key)).toMatchObject({ status: 401, body: { code: 'unauthorized' } });
    expect(await service.request('DELETE', path, { key: notes.key })).toMatchObject({
      status: 404,
      body: { code: 'key_not_found' },
    });
  });

  it('stops within 5 seconds of its deletion while requests hold every connection of the pool', async () => {
    const { id, key } = await makeKey({});
    expect((await read(key)).status).toBe(200);
    const path = `/admin/projects/notes/keys/${id}`;
    expect((await service.request('DELETE', path, { key: notes.key })).status).toBe(200);
    const { pool } = service.deps.database;
    const held = await Promise.all(Array.from({ length: pool.options.max }, () => pool.connect()));
    try {
      service.clock.advance(5_000);
      expect(await read(key)).toMatchObject({ status: 401, body: { code: 'unauthorized' } });
    } finally {
      for (const client of held) client.release();
    }
  });

  it('of an earlier release, without a checksum, still works', async () => {
    const { id } = await makeKey({});
    const old = `lk_0123abcd_${'q'.repeat(40)}`;
    await service.deps.database.prisma.apiKey.update({
      where: { id },
      data: { hash: Uint8Array.from(hashKey(old)) },
    });
    expect((await read(old)).status).toBe(200);
  });

  it('stops at the very instant at which it expires', async () => {
    const expiresAt = service.clock.now() + 60_000;
    const { key } = await makeKey({ expires_at: new Date(expiresAt).toISOString() });
    service.clock.set(expiresAt - 1);
    expect((await read(key)).status).toBe(200);
    service.clock.set(expiresAt);
    expect((await read(key)).status).toBe(401);
  });

  it('works for up to 60 seconds while Postgres cannot be reached, and no longer', async () => {
    const { key } = await makeKey({});
    expect((await read(key)).status).toBe(200);
    await withoutPostgres(service.deps.database, async () => {
      service.clock.advance(59_999);
      expect((await read(key, '&project_id=nobody')).body).toMatchObject({
        code: 'project_not_found',
      });
      service.clock.advance(1);
      expect(await read(key)).toMatchObject({ status: 503, body: { code: 'not_ready' } });
    });
  });
});

describe('looking a key up', () => {
  it('costs one query, however many requests come, until 5 seconds have passed', async () => {
    const { key } = await makeKey({});
    const asked = vi.spyOn(service.deps.database.reservedPool, 'query');
    const lookups = (): number =>
      asked.mock.calls.filter(([query]) => at(query, 'name') === 'find-key').length;
    try {
      await Promise.all(Array.from({ length: 10 }, () => read(key)));
      service.clock.advance(4_999);
      await read(key);
      expect(lookups()).toBe(1);
      service.clock.advance(1);
      await read(key);
      expect(lookups()).toBe(2);
    } finally {
      asked.mockRestore();
    }
  });

  it('notes its use, at most once a minute', async () => {
    const { id, key } = await makeKey({});
    const { prisma } = service.deps.database;
    const used = (instant: number): Promise<void> =>
      vi.waitFor(async () => {
        const { lastUsedAt } = await prisma.apiKey.findUniqueOrThrow({ where: { id } });
        expect(lastUsedAt?.getTime()).toBe(instant);
      });
    const first = service.clock.now();
    await read(key);
    await used(first);
    service.clock.advance(59_999);
    await read(key);
    await used(first);
    service.clock.advance(1);
    await read(key);
    await used(first + 60_000);
  });
});

describe('scopes', () => {
  it('403: what a key was not given', async () => {
    const { key } = await makeKey({ scopes: ['checkout'] });
    expect(await read(key)).toMatchObject({ status: 403, body: { code: 'scope_missing' } });
    const reader = await makeKey({ scopes: ['read'] });
    const listed = await service.request('GET', '/admin/projects/notes/keys', { key: reader.key });
    expect(listed.status).toBe(403);
  });

  it('admin can read too', async () => {
    const { key } = await makeKey({ scopes: ['admin'] });
    expect((await read(key)).status).toBe(200);
  });
});

describe('401', () => {
  it.each([
    ['none', {}],
    ['malformed', { authorization: 'Basic abc' }],
    ['empty', { authorization: 'Bearer ' }],
    ['unknown', { authorization: 'Bearer lk_unknown' }],
  ])('%s key', async (_name, headers: Record<string, string>) => {
    const answer = await service.request('GET', '/entitlements?user_id=u_1', { headers });
    expect(answer).toMatchObject({ status: 401, body: { code: 'unauthorized' } });
    expect(answer.headers['www-authenticate']).toBe('Bearer');
  });
});

describe('400 and 422', () => {
  it.each([
    ['scopes', { scopes: [] }],
    ['scopes[0]', { scopes: ['everything'] }],
    ['name', { name: '' }],
    ['expires_at', { expires_at: 'tomorrow' }],
  ])('400 names %s', async (path, body) => {
    const answer = await service.request('POST', '/admin/projects/notes/keys', {
      key: notes.key,
      body: { name: 'k', scopes: ['read'], ...body },
    });
    expect(answer).toMatchObject({ status: 400, body: { errors: [{ path }] } });
  });

  it('422: a key that would already have expired', async () => {
    const answer = await service.request('POST', '/admin/projects/notes/keys', {
      key: notes.key,
      body: {
        name: 'k',
        scopes: ['read'],
        expires_at: new Date(service.clock.now()).toISOString(),
      },
    });
    expect(answer).toMatchObject({ status: 422, body: { code: 'window_invalid' } });
  });
});

describe('another project', () => {
  it('404: its keys look like those of no project', async () => {
    const { id } = await makeKey({});
    const answers = await Promise.all([
      service.request('GET', '/admin/projects/notes/keys', { key: other.key }),
      service.request('DELETE', `/admin/projects/notes/keys/${id}`, { key: other.key }),
      service.request('GET', '/admin/projects/nobody/keys', { key: other.key }),
      service.request('GET', '/admin/projects/nobody/keys', { key: adminKey }),
    ]);
    for (const answer of answers) {
      expect(answer.status).toBe(404);
      expect(at(answer.body, 'code')).toBe('project_not_found');
    }
    const stolen = await service.request('DELETE', `/admin/projects/other/keys/${id}`, {
      key: other.key,
    });
    expect(at(stolen.body, 'code')).toBe('key_not_found');
  });
});
