import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildApp } from '../../src/app.ts';
import { createCache } from '../../src/entitlements/read/cache.ts';
import type { App } from '../../src/http/app-types.ts';
import { TestClock } from '../helpers/clock.ts';
import { startGrantingService } from '../helpers/granting.ts';
import { at, text } from '../helpers/json.ts';
import { adminKey, type TestService, testStart } from '../helpers/service.ts';

/*
 * Two instances on one Postgres and one Redis, with different clocks. In production they differ by the error
 * of measuring Postgres' clock, and by more for seconds when that clock is set.
 */

let service: TestService;

beforeAll(async () => {
  service = await startGrantingService();
});
afterAll(() => service.close());

interface Instance {
  app: App;
  clock: TestClock;
}

/** An instance of its own, so much ahead of the test's start. */
async function openInstance(aheadMs: number): Promise<Instance> {
  const clock = new TestClock(testStart + aheadMs);
  const deps = { ...service.deps, clock: clock.now, monotonic: clock.monotonic };
  const cache = createCache({ ...deps, cacheTtlSeconds: 60 });
  return { app: await buildApp({ ...deps, cache }), clock };
}

async function ask(
  { app }: Instance,
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  body?: object,
  key = adminKey,
): Promise<unknown> {
  const response = await app.inject({
    method,
    url: `/api/v1${path}`,
    headers: {
      authorization: `Bearer ${key}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { payload: JSON.stringify(body) }),
  });
  if (response.statusCode >= 300) throw new Error(`${path}: ${response.body}`);
  return response.json();
}

let users = 0;
const newUser = (): string => `u_${(users += 1)}`;

const about = (user: string) => ({
  project_id: 'notes',
  user_id: user,
  feature_code: 'export',
  reason: 'a test',
});

/** Whether the user may use it, by every way to ask for the present. */
async function allowed(instance: Instance, user: string): Promise<Record<string, boolean>> {
  const query = `project_id=notes&user_id=${user}&feature_code=export`;
  const get = (path: string) => ask(instance, 'GET', path);
  const batch = { project_id: 'notes', user_ids: [user] };
  return {
    strong: at(await get(`/entitlements/check?${query}&consistency=strong`), 'allowed') === true,
    missed: at(await get(`/entitlements/check?${query}`), 'allowed') === true,
    cached: at(await get(`/entitlements/check?${query}`), 'allowed') === true,
    batch:
      at(
        await ask(instance, 'POST', '/entitlements/batch', batch),
        'data',
        0,
        'entitlements',
        0,
      ) !== undefined,
    explained: at(await get(`/entitlements/explain?${query}`), 'allowed') === true,
    listed: JSON.stringify(await get('/features/export/users?project_id=notes&limit=100')).includes(
      `"${user}"`,
    ),
  };
}

const all = (value: boolean) => ({
  ...{ strong: value, missed: value, cached: value },
  ...{ batch: value, explained: value, listed: value },
});

describe.each([100, 90_000])('instances %i ms apart', (apartMs) => {
  it.each([
    ['ahead', apartMs, 0],
    ['behind', 0, apartMs],
  ])('what the one %s grants and takes, the other shows', async (_word, ofWriter, ofReader) => {
    const writer = await openInstance(ofWriter);
    const reader = await openInstance(ofReader);
    const user = newUser();
    expect(await allowed(reader, user)).toEqual(all(false));
    await ask(writer, 'POST', '/admin/grant', about(user));
    expect(await allowed(reader, user)).toEqual(all(true));
    expect(await allowed(writer, user)).toEqual(all(true));
    const active = await ask(
      reader,
      'GET',
      `/admin/grants?project_id=notes&user_id=${user}&active=true`,
    );
    expect(at(active, 'data', 0, 'user_id')).toBe(user);
    await ask(writer, 'POST', '/admin/revoke', about(user));
    expect(await allowed(reader, user)).toEqual(all(false));
    expect(await allowed(writer, user)).toEqual(all(false));
  });

  it('what one grants, the other can take and give back, in any order of their clocks', async () => {
    const ahead = await openInstance(apartMs);
    const behind = await openInstance(0);
    const user = newUser();
    await ask(ahead, 'POST', '/admin/grant', about(user));
    const taken = await ask(behind, 'POST', '/admin/revoke', about(user));
    expect(await allowed(ahead, user)).toEqual(all(false));
    expect(await allowed(behind, user)).toEqual(all(false));
    const id = text(taken, 'revocation', 'id');
    await ask(behind, 'DELETE', `/admin/revocations/${id}?project_id=notes&reason=a`);
    expect(await allowed(behind, user)).toEqual(all(true));
    await ask(ahead, 'POST', '/admin/revoke', about(user));
    await ask(behind, 'POST', '/admin/grant', about(user));
    expect(await allowed(ahead, user)).toEqual(all(true));
    expect(await allowed(behind, user)).toEqual(all(true));
  });

  it('a change by the one behind shows the user’s access after changes by the one ahead', async () => {
    const ahead = await openInstance(apartMs);
    const behind = await openInstance(0);
    const user = newUser();
    const first = await ask(behind, 'POST', '/admin/grant', about(user));
    await ask(ahead, 'POST', '/admin/grant', about(user));
    const end = { grant_id: text(first, 'grant', 'id'), project_id: 'notes', reason: 'a test' };
    expect(await ask(behind, 'POST', '/admin/revoke', end)).toMatchObject({
      had_access: true,
      has_access: true,
    });
    await ask(behind, 'POST', '/admin/revoke', about(user));
    await ask(ahead, 'POST', '/admin/grant', about(user));
    expect(await ask(behind, 'POST', '/admin/revoke', about(user))).toMatchObject({
      had_access: true,
      has_access: false,
    });
  });

  it('what was recorded may be asked for by its instant everywhere', async () => {
    const ahead = await openInstance(apartMs);
    const behind = await openInstance(0);
    const user = newUser();
    await ask(ahead, 'POST', '/admin/grant', about(user));
    const history = await ask(
      behind,
      'GET',
      `/entitlements/history?project_id=notes&user_id=${user}`,
    );
    const known = text(history, 'data', 0, 'recorded_at');
    const answer = await ask(
      behind,
      'GET',
      `/entitlements?project_id=notes&user_id=${user}&known_at=${known}`,
    );
    expect(at(answer, 'entitlements', 0, 'feature_code')).toBe('export');
  });
});

describe('a clock that is set back by 240 s', () => {
  it('keeps no deleted key alive', async () => {
    const instance = await openInstance(0);
    const made = await ask(instance, 'POST', '/admin/projects/notes/keys', {
      ...{ name: 'a key', scopes: ['read'] },
    });
    const read = () => ask(instance, 'GET', '/catalog', undefined, text(made, 'key'));
    await read();
    const other = await openInstance(0);
    await ask(other, 'DELETE', `/admin/projects/notes/keys/${text(made, 'id')}`);
    instance.clock.set(testStart - 240_000);
    instance.clock.advance(5_000);
    await expect(read()).rejects.toThrow('unauthorized');
  });
});
