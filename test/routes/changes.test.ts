import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sweepBoundaries } from '../../src/changes/boundaries.ts';
import { keepHouse } from '../../src/ops/housekeeping.ts';
import { at, text } from '../helpers/json.ts';
import { adminKey, type TestResponse, type TestService } from '../helpers/service.ts';
import { startTwoProjects } from '../helpers/two-projects.ts';

let service: TestService;
let notes: { projectId: string; key: string };
let other: { projectId: string; key: string };

const hour = 3_600_000;
const iso = (instant: number): string => new Date(instant).toISOString();

beforeAll(async () => {
  ({ service, notes, other } = await startTwoProjects({
    export: 'boolean',
    seats: 'limit',
    theme: 'config',
  }));
});
afterAll(() => service.close());

const read = (query: string, key = notes.key): Promise<TestResponse> =>
  service.request('GET', `/changes${query}`, { key });

async function now(key = notes.key): Promise<string> {
  return text((await read('', key)).body, 'next_cursor');
}

async function since(cursor: string, more = ''): Promise<unknown> {
  const { status, body } = await read(`?after=${cursor}${more}`);
  expect(status).toBe(200);
  return at(body, 'data');
}

const post = (path: string, body: object): Promise<TestResponse> =>
  service.request('POST', path, { key: notes.key, body: { reason: 'a test', ...body } });

describe('GET /changes', () => {
  it('200: without `after` there are no changes, and the cursor of now', async () => {
    await post('/admin/grant', { user_id: 'first', feature_code: 'export' });
    const { status, body } = await read('');
    expect(status).toBe(200);
    expect(at(body, 'data')).toEqual([]);
    expect(await since(text(body, 'next_cursor'))).toEqual([]);
  });

  it('200: every revision has one change, which says what was gained, lost and changed', async () => {
    const cursor = await now();
    await post('/admin/grant', { user_id: 'ann', feature_code: 'seats', value: 2 });
    await post('/admin/grant', { user_id: 'ann', feature_code: 'seats', value: 5 });
    await post('/admin/revoke', { user_id: 'ann', feature_code: 'seats' });
    const same = { project_id: 'notes', user_id: 'ann', cause: 'operator', next_change_at: null };
    const none = { gained: [], lost: [], changed: [] };
    expect(await since(cursor)).toMatchObject([
      { ...same, ...none, revision: 1, gained: ['seats'] },
      { ...same, ...none, revision: 2, changed: ['seats'] },
      { ...same, ...none, revision: 3, lost: ['seats'] },
    ]);
  });

  it('200: what changes nothing has no change', async () => {
    const cursor = await now();
    await post('/admin/revoke', { user_id: 'ann', feature_code: 'seats' });
    const twice = await since(cursor);
    await post('/admin/revoke', { user_id: 'ann', feature_code: 'seats' });
    expect(await since(cursor)).toEqual(twice);
  });

  it("200: a page begins at any change's cursor, and `next_cursor` goes on from its end", async () => {
    const cursor = await now();
    for (const code of ['export', 'seats', 'theme'])
      await post('/admin/grant', {
        user_id: 'bo',
        feature_code: code,
        ...(code === 'seats' ? { value: 1 } : code === 'theme' ? { value: 'dark' } : {}),
      });
    const all = (await since(cursor)) as { cursor: string; revision: number }[];
    expect(all.map(({ revision }) => revision)).toEqual([1, 2, 3]);
    expect(await since(all[0]?.cursor ?? '')).toEqual(all.slice(1));
    const first = await read(`?after=${cursor}&limit=2`);
    expect(at(first.body, 'data')).toEqual(all.slice(0, 2));
    expect(await since(text(first.body, 'next_cursor'))).toEqual(all.slice(2));
  });

  it('200: `user_id` shows one user, and another project nothing', async () => {
    const [cursor, otherCursor] = [await now(), await now(other.key)];
    await post('/admin/grant', { user_id: 'cy', feature_code: 'export' });
    await post('/admin/grant', { user_id: 'di', feature_code: 'export' });
    expect(await since(cursor, '&user_id=di')).toMatchObject([{ user_id: 'di' }]);
    expect(await since(cursor, '&user_id=unknown')).toEqual([]);
    const { body } = await read(`?after=${otherCursor}`, other.key);
    expect(at(body, 'data')).toEqual([]);
    const all = await read(`?after=${cursor}`, adminKey);
    expect(at(all.body, 'data')).toMatchObject([{ user_id: 'cy' }, { user_id: 'di' }]);
    const one = await read(`?after=${cursor}&project_id=other`, adminKey);
    expect(at(one.body, 'data')).toEqual([]);
  });

  it('200: a change of the catalog is the cause for every user whom it concerns', async () => {
    for (const value of [2, 3]) {
      await post('/admin/grant', { user_id: 'ed', feature_code: 'seats', value });
    }
    const cursor = await now();
    await service.request('PUT', '/admin/features/seats', {
      key: notes.key,
      body: { name: 'seats', type: 'limit', merge: 'sum' },
    });
    expect(await since(cursor, '&user_id=ed')).toMatchObject([
      { cause: 'catalog', gained: [], lost: [], changed: ['seats'] },
    ]);
  });

  it('200: `start` begins with the oldest change that is kept', async () => {
    const { body } = await read('?after=start&limit=1');
    expect(at(body, 'data')).toMatchObject([{ user_id: 'first', revision: 1 }]);
  });

  it('400: a text that is no cursor', async () => {
    expect(await read('?after=nonsense')).toMatchObject({
      status: 400,
      body: { code: 'bad_request', errors: [{ path: 'after' }] },
    });
  });

  it('410: a cursor whose following changes are no longer kept, and one from ahead', async () => {
    const cursor = await now();
    await post('/admin/grant', { user_id: 'fi', feature_code: 'export' });
    const kept = await now();
    await service.deps.database.pool.query(
      'update change_feed set deleted_position = last_position',
    );
    expect(await read(`?after=${cursor}`)).toMatchObject({
      status: 410,
      body: { code: 'cursor_expired' },
    });
    expect(await since(kept)).toEqual([]);
    const [id, position = ''] = Buffer.from(kept, 'base64url').toString().split('-');
    const ahead = Buffer.from(`${String(id)}-${Number(position) + 1}`).toString('base64url');
    expect(await read(`?after=${ahead}`)).toMatchObject({ status: 410 });
  });
});

describe('the feed', () => {
  it('tells of an erasure, under the revision that holds', async () => {
    await post('/admin/grant', { user_id: 'era', feature_code: 'export' });
    const cursor = await now();
    await service.request('DELETE', '/admin/users/era?reason=asked', { key: notes.key });
    expect(await since(cursor)).toMatchObject([
      { user_id: 'era', revision: 1, cause: 'erasure', gained: [], lost: [], changed: [] },
    ]);
  });

  it('keeps changes for as long as it says, and refuses cursors from before', async () => {
    const { deps, clock } = service;
    const cursor = await now();
    await post('/admin/grant', { user_id: 'old', feature_code: 'export' });
    clock.advance(24 * hour);
    await post('/admin/grant', { user_id: 'new', feature_code: 'export' });
    const days = { eventRetentionDays: 30, changeRetentionDays: 1 };
    expect(await since(cursor)).toMatchObject([{ user_id: 'old' }, { user_id: 'new' }]);
    clock.advance(1_000);
    await keepHouse({ ...deps, ...days });
    expect(await read(`?after=${cursor}`)).toMatchObject({ status: 410 });
    const { body } = await read('?after=start');
    expect(at(body, 'data')).toMatchObject([{ user_id: 'new' }]);
    clock.advance(24 * hour);
    await keepHouse({ ...deps, ...days });
    expect(at((await read('?after=start')).body, 'data')).toEqual([]);
  });
});

describe('boundaries', () => {
  /** Grants `export` between two instants, and returns the cursor after that. */
  async function grantBetween(user_id: string, from: number, to: number): Promise<string> {
    const window = { valid_from: iso(from), valid_to: iso(to) };
    await post('/admin/grant', { user_id, feature_code: 'export', ...window });
    return now();
  }

  it('give one change each, under the revision that holds, however often they are swept', async () => {
    const start = service.clock.now();
    const cursor = await grantBetween('gus', start + hour, start + 2 * hour);
    service.clock.set(start + hour);
    await Promise.all([sweepBoundaries(service.deps), sweepBoundaries(service.deps)]);
    const begun = {
      user_id: 'gus',
      revision: 1,
      cause: 'boundary',
      at: iso(start + hour),
      gained: ['export'],
      lost: [],
      next_change_at: iso(start + 2 * hour),
    };
    expect(await since(cursor)).toMatchObject([begun]);
    service.clock.set(start + 5 * hour);
    await sweepBoundaries(service.deps);
    await sweepBoundaries(service.deps);
    expect(await since(cursor)).toMatchObject([
      begun,
      { revision: 1, cause: 'boundary', at: iso(start + 2 * hour), lost: ['export'] },
    ]);
  });

  it('of a user of an earlier release begin with those to come', async () => {
    const start = service.clock.now();
    const cursor = await grantBetween('ivy', start + hour, start + 3 * hour);
    await service.deps.database.pool.query(
      `update users set next_boundary_at = to_timestamp(0) where user_id = 'ivy'`,
    );
    service.clock.set(start + 2 * hour);
    await sweepBoundaries(service.deps);
    expect(await since(cursor)).toEqual([]);
    service.clock.set(start + 3 * hour);
    await sweepBoundaries(service.deps);
    expect(await since(cursor)).toMatchObject([{ at: iso(start + 3 * hour), lost: ['export'] }]);
  });

  it('that a write passes are recorded before it', async () => {
    const start = service.clock.now();
    await post('/admin/grant', {
      user_id: 'hal',
      feature_code: 'export',
      valid_to: iso(start + hour),
    });
    const cursor = await now();
    service.clock.set(start + 2 * hour);
    await post('/admin/grant', { user_id: 'hal', feature_code: 'seats', value: 1 });
    await sweepBoundaries(service.deps);
    expect(await since(cursor)).toMatchObject([
      { revision: 1, cause: 'boundary', at: iso(start + hour), lost: ['export'], gained: [] },
      { revision: 2, cause: 'operator', lost: [], gained: ['seats'] },
    ]);
  });
});
