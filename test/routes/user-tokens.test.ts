import { generateKeyPairSync } from 'node:crypto';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { buildApp } from '../../src/app.ts';
import { openEventStream, type StreamClient } from '../helpers/event-stream.ts';
import { at, text } from '../helpers/json.ts';
import { withoutPostgres } from '../helpers/outage.ts';
import { requestTo, testStart, type TestService } from '../helpers/service.ts';
import { testSigning } from '../helpers/signing.ts';
import { startTwoProjects } from '../helpers/two-projects.ts';

const minute = 60_000;
const clients: StreamClient[] = [];

let service: TestService;
let notes: { projectId: string; key: string };
let url: string;

beforeAll(async () => {
  ({ service, notes } = await startTwoProjects({ export: 'boolean' }, { config: testSigning }));
  url = await service.listen();
  await grant('u_1');
});
afterAll(() => service.close());
beforeEach(() => {
  service.clock.set(testStart);
});
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});

async function grant(userId: string): Promise<void> {
  const { status } = await service.request('POST', '/admin/grant', {
    key: notes.key,
    body: { user_id: userId, feature_code: 'export', reason: 'test' },
  });
  expect(status).toBe(201);
  await service.deps.feed.look();
}

const make = (body: object, key = notes.key) =>
  service.request('POST', '/user-tokens', { key, body });

async function tokenOf(userId: string, ttl_seconds = 900): Promise<string> {
  return text((await make({ user_id: userId, ttl_seconds })).body, 'token');
}

async function keyWith(...scopes: string[]): Promise<string> {
  const body = { name: 'a key', scopes };
  const made = await service.request('POST', '/admin/projects/notes/keys', {
    key: notes.key,
    body,
  });
  return text(made.body, 'key');
}

describe('POST /user-tokens', () => {
  it('201: a token for the user, valid as long as asked for, 15 minutes by default', async () => {
    const { status, body, headers } = await make({ user_id: 'u_1' });
    expect(status).toBe(201);
    expect(headers['cache-control']).toBe('no-store');
    const token = text(body, 'token');
    expect(body).toEqual({ token, expires_at: new Date(testStart + 15 * minute).toISOString() });
    expect(decodeProtectedHeader(token)).toMatchObject({ alg: 'EdDSA', typ: 'latchkey-user+jwt' });
    expect(decodeJwt(token)).toEqual({
      iss: 'https://latchkey.example',
      aud: 'notes',
      sub: 'u_1',
      iat: testStart / 1_000,
      exp: testStart / 1_000 + 900,
    });
  });

  it('takes the scope `checkout`; 403 with `read` alone', async () => {
    expect((await make({ user_id: 'u_1' }, await keyWith('checkout'))).status).toBe(201);
    expect(await make({ user_id: 'u_1' }, await keyWith('read'))).toMatchObject({
      status: 403,
      body: { code: 'scope_missing' },
    });
  });

  it('cannot renew itself: a user token makes no tokens', async () => {
    expect(await make({ user_id: 'u_1' }, await tokenOf('u_1'))).toMatchObject({ status: 403 });
  });

  it.each([
    ['user_id', {}],
    ['user_id', { user_id: '' }],
    ['user_id', { user_id: 'a\u0000b' }],
    ['ttl_seconds', { user_id: 'u_1', ttl_seconds: 0 }],
    ['ttl_seconds', { user_id: 'u_1', ttl_seconds: 3_601 }],
    ['ttl_seconds', { user_id: 'u_1', ttl_seconds: '900' }],
    ['scopes', { user_id: 'u_1', scopes: ['admin'] }],
  ])('400: names %s in %j', async (path, body) => {
    expect(await make(body)).toMatchObject({ status: 400, body: { errors: [{ path }] } });
  });

  it('404 `documents_disabled` without SIGNING_KEYS, where a token is no key either', async () => {
    const token = await tokenOf('u_1');
    const app = await buildApp({
      ...service.deps,
      config: { ...service.deps.config, signingKeys: [] },
    });
    const request = requestTo(app);
    const made = await request('POST', '/user-tokens', {
      key: notes.key,
      body: { user_id: 'u_1' },
    });
    expect(made).toMatchObject({ status: 404, body: { code: 'documents_disabled' } });
    expect((await request('GET', '/entitlements', { key: token })).status).toBe(401);
    await app.close();
  });
});

describe('a user token', () => {
  it('reads its user, who may be left out', async () => {
    const key = await tokenOf('u_1');
    const asKey = await service.request('GET', '/entitlements?user_id=u_1', { key: notes.key });
    for (const path of [
      '/entitlements',
      '/entitlements?user_id=u_1',
      '/entitlements?project_id=notes',
    ]) {
      expect((await service.request('GET', path, { key })).body).toEqual(asKey.body);
    }
    const check = await service.request('GET', '/entitlements/check?feature_code=export', { key });
    expect(check.body).toMatchObject({ allowed: true });
    const explain = await service.request('GET', '/entitlements/explain?feature_code=export', {
      key,
    });
    expect(explain.body).toMatchObject({ user_id: 'u_1', allowed: true });
  });

  it.each(['ünïcode user/with?odd#signs&more', 'a b+c%20', '"quoted\\"', '🙂', 'x'.repeat(255)])(
    'reads the user %s',
    async (userId) => {
      const key = await tokenOf(userId);
      const { body } = await service.request('GET', '/entitlements', { key });
      expect(at(body, 'user_id')).toBe(userId);
      const named = `/entitlements?user_id=${encodeURIComponent(userId)}`;
      expect((await service.request('GET', named, { key })).status).toBe(200);
    },
  );

  it('ends to the millisecond, and says that it has', async () => {
    const key = await tokenOf('u_1', 60);
    service.clock.set(testStart + minute - 1);
    expect((await service.request('GET', '/entitlements', { key })).status).toBe(200);
    service.clock.set(testStart + minute);
    const { status, body } = await service.request('GET', '/entitlements', { key });
    expect([status, at(body, 'detail')]).toEqual([
      401,
      'The user token has expired. Get a new one from your server, which calls POST /api/v1/user-tokens.',
    ]);
  });

  it('ends when its project is gone', async () => {
    await service.createProject('fleeting');
    const body = { project_id: 'fleeting', user_id: 'u_1' };
    const key = text((await make(body, service.adminKey)).body, 'token');
    expect((await service.request('GET', '/entitlements', { key })).status).toBe(200);
    await removeProject('fleeting');
    service.clock.advance(5_000);
    expect((await service.request('GET', '/entitlements', { key })).status).toBe(401);
  });

  it('ends when its signing key is removed', async () => {
    const key = await tokenOf('u_1');
    const signingKeys = [generateKeyPairSync('ed25519').privateKey];
    const config = { ...service.deps.config, signingKeys };
    const app = await buildApp({ ...service.deps, config });
    expect((await requestTo(app)('GET', '/entitlements', { key })).status).toBe(401);
    await app.close();
  });

  it('works on through an outage of Postgres, from the cache', async () => {
    const key = await tokenOf('u_1');
    await service.request('GET', '/entitlements', { key });
    await withoutPostgres(service.deps.database, async () => {
      service.clock.advance(30_000);
      expect(await service.request('GET', '/entitlements', { key })).toMatchObject({
        status: 200,
        headers: { 'latchkey-cache': 'hit' },
      });
    });
  });

  it('counts to its own limit: one user exhausts neither the other users nor the key', async () => {
    const app = await buildApp({
      ...service.deps,
      config: { ...service.deps.config, keyMaxRps: 40 },
    });
    const request = requestTo(app);
    const [greedy, modest] = [await tokenOf('u_1'), await tokenOf('u_2')];
    const statuses = [];
    for (let round = 0; round < 4; round += 1) {
      statuses.push((await request('GET', '/entitlements', { key: greedy })).status);
    }
    expect(statuses).toEqual([200, 200, 429, 429]);
    expect((await request('GET', '/entitlements', { key: modest })).status).toBe(200);
    const asKey = await request('GET', '/entitlements?user_id=u_1', { key: notes.key });
    expect(asKey.status).toBe(200);
    await app.close();
  });
});

describe('the stream', () => {
  async function follow(query: string, key?: string): Promise<StreamClient> {
    const client = await openEventStream(`${url}/api/v1/changes/stream${query}`, key);
    clients.push(client);
    return client;
  }

  const usersIn = (client: StreamClient): unknown[] =>
    client.events.filter(({ event }) => event === 'change').map(({ data }) => at(data, 'user_id'));

  it('takes a user token in its URL or in a header, and sends changes of that user alone', async () => {
    const token = await tokenOf('u_mine');
    const inQuery = await follow(`?access_token=${token}`);
    const inHeader = await follow('', token);
    expect([inQuery.status, inHeader.status]).toEqual([200, 200]);
    await Promise.all([inQuery.take(1), inHeader.take(1)]);
    await grant('u_other');
    await grant('u_mine');
    await Promise.all([inQuery.take(2), inHeader.take(2)]);
    expect([usersIn(inQuery), usersIn(inHeader)]).toEqual([['u_mine'], ['u_mine']]);
  });

  it('takes nothing else in its URL', async () => {
    const token = await tokenOf('u_1');
    for (const other of [notes.key, service.adminKey, 'x', '', `${token}&access_token=${token}`]) {
      expect((await follow(`?access_token=${other}`)).status, other).toBe(401);
    }
    expect((await follow(`?access_token=${token}`, notes.key)).status).toBe(400);
    expect((await follow(`?access_token=${token}&user_id=u_2`)).status).toBe(403);
  });

  it('ends when its token expires, and others stay', async () => {
    const short = await follow(`?access_token=${await tokenOf('u_1', 60)}`);
    const long = await follow(`?access_token=${await tokenOf('u_1', 120)}`);
    await Promise.all([short.take(1), long.take(1)]);
    service.clock.advance(minute);
    await short.ended;
    await grant('u_1');
    await long.take(2);
    expect(usersIn(long)).toEqual(['u_1']);
  });

  it('ends when the project of its token is gone', async () => {
    await service.createProject('passing');
    const body = { project_id: 'passing', user_id: 'u_1' };
    const token = text((await make(body, service.adminKey)).body, 'token');
    const client = await follow(`?access_token=${token}`);
    await client.take(1);
    await removeProject('passing');
    await client.ended;
  });
});

async function removeProject(id: string): Promise<void> {
  const { pool } = service.deps.database;
  await pool.query('delete from api_keys where project_id = $1', [id]);
  await pool.query('delete from projects where id = $1', [id]);
}
