import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { at, withoutRequestId } from '../helpers/json.ts';
import { withoutPostgres } from '../helpers/outage.ts';
import { startTestService, testStart, type TestService } from '../helpers/service.ts';

let service: TestService;
let notes: { projectId: string; key: string };
let other: { projectId: string; key: string };
const day = 86_400_000;

beforeAll(async () => {
  service = await startTestService();
  notes = await service.createProject('notes');
  other = await service.createProject('other');
  for (const [code, feature] of [
    ['export', { type: 'boolean' }],
    ['seats', { type: 'limit', merge: 'sum' }],
    ['theme', { type: 'config' }],
  ] as const) {
    const made = await service.request('PUT', `/admin/features/${code}`, {
      key: notes.key,
      body: { name: code, ...feature },
    });
    expect(made.status).toBe(200);
  }
});
afterAll(() => service.close());
beforeEach(() => {
  service.clock.set(testStart);
});

const iso = (instant: number) => new Date(instant).toISOString();

async function grant(userId: string, body: object): Promise<void> {
  const made = await service.request('POST', '/admin/grant', {
    key: notes.key,
    body: { user_id: userId, reason: 'test', ...body },
  });
  expect(made.status).toBe(201);
}

function read(userId: string, query = '', headers: Record<string, string> = {}) {
  return service.request('GET', `/entitlements?user_id=${userId}${query}`, {
    key: notes.key,
    headers,
  });
}

describe('200', () => {
  it('an unknown user has revision 0 and no entitlements', async () => {
    expect((await read('nobody')).body).toEqual({
      project_id: 'notes',
      user_id: 'nobody',
      revision: 0,
      entitlements: [],
      next_change_at: null,
    });
  });

  it('says value, window and sources, sorted by feature', async () => {
    await grant('u_sorted', { feature_code: 'theme', value: { dark: true } });
    await grant('u_sorted', { feature_code: 'seats', value: 3, valid_to: iso(testStart + day) });
    const { body, headers } = await read('u_sorted');
    expect(body).toMatchObject({
      revision: 2,
      entitlements: [
        {
          feature_code: 'seats',
          type: 'limit',
          value: 3,
          valid_from: iso(testStart),
          valid_to: iso(testStart + day),
          sources: [{ type: 'grant' }],
        },
        { feature_code: 'theme', type: 'config', value: { dark: true }, valid_to: null },
      ],
      next_change_at: iso(testStart + day),
    });
    expect(headers).toMatchObject({
      'latchkey-revision': '2',
      'cache-control': 'private, no-cache',
      'content-type': 'application/json; charset=utf-8',
    });
  });

  it('the first read is a miss, the second a hit with the very same bytes', async () => {
    await grant('u_cached', { feature_code: 'export' });
    const first = await read('u_cached');
    const second = await read('u_cached');
    expect([first, second].map(({ headers }) => headers['latchkey-cache'])).toEqual([
      'miss',
      'hit',
    ]);
    expect(second.body).toEqual(first.body);
  });

  it('a hit never outlives the instant at which it changes, to the millisecond', async () => {
    await grant('u_window', { feature_code: 'export', valid_to: iso(testStart + 10_000) });
    await read('u_window');
    service.clock.set(testStart + 9_999);
    const before = await read('u_window');
    expect(before.headers['latchkey-cache']).toBe('hit');
    expect(at(before.body, 'entitlements', 0, 'feature_code')).toBe('export');
    service.clock.set(testStart + 10_000);
    const after = await read('u_window');
    expect(after.headers['latchkey-cache']).toBe('miss');
    expect(after.body).toMatchObject({ entitlements: [], next_change_at: null });
    expect((await read('u_window')).headers['latchkey-cache']).toBe('hit');
  });

  it('at= reads another instant past the cache', async () => {
    await grant('u_at', { feature_code: 'export', valid_from: iso(testStart + day) });
    expect(at((await read('u_at')).body, 'entitlements')).toEqual([]);
    const later = await read('u_at', `&at=${iso(testStart + day)}`);
    expect(later.headers['latchkey-cache']).toBe('bypass');
    expect(at(later.body, 'entitlements', 0, 'feature_code')).toBe('export');
    const justBefore = await read('u_at', `&at=${iso(testStart + day - 1)}`);
    expect(at(justBefore.body, 'entitlements')).toEqual([]);
  });

  it('feature_code= keeps those, and next_change_at stays the one over all', async () => {
    await grant('u_some', { feature_code: 'export' });
    await grant('u_some', { feature_code: 'seats', value: 1, valid_to: iso(testStart + day) });
    await grant('u_some', { feature_code: 'theme', value: 'plain' });
    const { body } = await read('u_some', '&feature_code=theme&feature_code=export');
    expect(body).toMatchObject({
      entitlements: [{ feature_code: 'export' }, { feature_code: 'theme' }],
      next_change_at: iso(testStart + day),
    });
  });

  it('consistency=strong goes straight to Postgres', async () => {
    await read('u_strong');
    const strong = await read('u_strong', '&consistency=strong');
    expect(strong.headers['latchkey-cache']).toBe('bypass');
  });
});

describe('while Postgres cannot be reached', () => {
  it('a known key and a cached answer go on for 60 seconds; what is not cached is a 503', async () => {
    await grant('u_outage', { feature_code: 'export' });
    await read('u_outage');
    await withoutPostgres(service.deps.database, async () => {
      service.clock.advance(59_000);
      const hit = await read('u_outage');
      expect(hit).toMatchObject({ status: 200, headers: { 'latchkey-cache': 'hit' } });
      expect(await read('u_not_cached')).toMatchObject({
        status: 503,
        body: { code: 'not_ready' },
      });
    });
  });

  it('the platform key still works, too, for a project that this process has seen before', async () => {
    await grant('u_outage_platform', { feature_code: 'export' });
    const path = '/entitlements?project_id=notes&user_id=u_outage_platform';
    const asked = { key: service.adminKey };
    await service.request('GET', path, asked);
    await withoutPostgres(service.deps.database, async () => {
      const hit = await service.request('GET', path, asked);
      expect(hit).toMatchObject({ status: 200, headers: { 'latchkey-cache': 'hit' } });
      const unknown = await service.request('GET', path.replace('notes', 'nowhere'), asked);
      expect(unknown.status).toBe(503);
    });
  });
});

describe('304', () => {
  it('for the tag of the answer; not after a change, nor after a boundary', async () => {
    await grant('u_tag', { feature_code: 'export', valid_to: iso(testStart + day) });
    const etag = String((await read('u_tag')).headers['etag']);
    const same = await read('u_tag', '', { 'if-none-match': etag });
    expect(same).toMatchObject({ status: 304, body: undefined });
    const weak = await read('u_tag', '', { 'if-none-match': `"another", W/${etag}` });
    expect(weak.status).toBe(304);
    service.clock.set(testStart + day);
    expect((await read('u_tag', '', { 'if-none-match': etag })).status).toBe(200);
    service.clock.set(testStart);
    await grant('u_tag', { feature_code: 'seats', value: 1 });
    expect((await read('u_tag', '', { 'if-none-match': etag })).status).toBe(200);
  });
});

describe('check', () => {
  const check = async (userId: string, code: string, query = '') =>
    (
      await service.request(
        'GET',
        `/entitlements/check?user_id=${userId}&feature_code=${code}${query}`,
        { key: notes.key },
      )
    ).body;

  it('granted, with value, end and revision', async () => {
    await grant('c_1', { feature_code: 'seats', value: 5, valid_to: iso(testStart + day) });
    expect(await check('c_1', 'seats')).toEqual({
      allowed: true,
      reason: 'granted',
      value: 5,
      valid_to: iso(testStart + day),
      revision: 1,
    });
  });

  it('says why not, from the cache as from Postgres', async () => {
    await grant('c_2', { feature_code: 'export', valid_from: iso(testStart + day) });
    await grant('c_2', {
      feature_code: 'seats',
      value: 1,
      valid_from: iso(testStart - day),
      valid_to: iso(testStart),
    });
    await service.request('POST', '/admin/revoke', {
      key: notes.key,
      body: { user_id: 'c_2', feature_code: 'theme', reason: 'test' },
    });
    for (const round of ['miss', 'hit']) {
      expect(await check('c_2', 'export'), round).toMatchObject({ reason: 'not_yet_valid' });
      expect(await check('c_2', 'seats'), round).toMatchObject({ reason: 'expired' });
      expect(await check('c_2', 'theme'), round).toMatchObject({
        allowed: false,
        reason: 'revoked',
        value: null,
        valid_to: null,
      });
    }
    expect(await check('c_3', 'export')).toMatchObject({ reason: 'no_source' });
    expect(await check('c_2', 'unheard_of')).toMatchObject({ reason: 'feature_not_found' });
  });

  it('knows a feature that was made since the answer was cached', async () => {
    expect(await check('c_4', 'late')).toMatchObject({ reason: 'feature_not_found' });
    await service.request('PUT', '/admin/features/late', {
      key: notes.key,
      body: { name: 'late', type: 'boolean' },
    });
    expect(await check('c_4', 'late')).toMatchObject({ reason: 'no_source' });
  });
});

describe('400', () => {
  it.each([
    ['user_id', ''],
    ['at', '&at=yesterday'],
    ['min_revision', '&min_revision=-1'],
    ['consistency', '&consistency=eventual'],
    ['feature_code', '&feature_code=NOT%20A%20CODE'],
    ['colour', '&colour=red'],
  ])('names %s', async (path, query) => {
    const url = path === 'user_id' ? '/entitlements' : `/entitlements?user_id=u_1${query}`;
    const answer = await service.request('GET', url, { key: notes.key });
    expect(answer.status).toBe(400);
    expect(at(answer.body, 'errors', 0, 'path')).toMatch(new RegExp(`^${path}`));
  });

  it('the platform key must name a project', async () => {
    const answer = await service.request('GET', '/entitlements?user_id=u_1', {
      key: service.adminKey,
    });
    expect(answer).toMatchObject({ status: 400, body: { code: 'project_id_required' } });
  });
});

describe('404', () => {
  it("another project's user looks like an unknown one, and its project like a missing one", async () => {
    await grant('u_secret', { feature_code: 'export' });
    const asOther = await service.request('GET', '/entitlements?user_id=u_secret', {
      key: other.key,
    });
    expect(asOther).toMatchObject({ status: 200, body: { revision: 0, entitlements: [] } });
    const answers = await Promise.all(
      ['notes', 'nobody'].map((project) =>
        service.request('GET', `/entitlements?user_id=u_secret&project_id=${project}`, {
          key: other.key,
        }),
      ),
    );
    const bodies = answers.map(({ body }) => withoutRequestId(body));
    expect(bodies[0]).toMatchObject({ status: 404, code: 'project_not_found' });
    expect(bodies[0]).toEqual(bodies[1]);
  });
});

describe('409', () => {
  it('a revision that Postgres does not have; an older cached answer is passed over', async () => {
    await grant('u_fresh', { feature_code: 'export' });
    await read('u_fresh');
    expect(await read('u_fresh', '&min_revision=2')).toMatchObject({
      status: 409,
      body: { code: 'revision_not_reached' },
    });
    expect((await read('u_fresh', '&min_revision=1')).status).toBe(200);
  });
});
