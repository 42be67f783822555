import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { at, text } from '../helpers/json.ts';
import { rowsOf } from '../helpers/lists.ts';
import { startTestService, testStart, type TestService } from '../helpers/service.ts';

let service: TestService;
let notes: { projectId: string; key: string };
let other: { projectId: string; key: string };

const iso = (instant: number) => new Date(instant).toISOString();
const day = 86_400_000;
const lost = testStart + 5 * day;

beforeAll(async () => {
  service = await startTestService();
  notes = await service.createProject('notes');
  other = await service.createProject('other');
  for (const [code, type] of [
    ['export', 'boolean'],
    ['seats', 'limit'],
  ]) {
    await service.request('PUT', `/admin/features/${code}`, {
      key: notes.key,
      body: { name: code, type },
    });
  }
  await operate('grant', { feature_code: 'export' });
  service.clock.set(testStart + day);
  await operate('grant', {
    feature_code: 'seats',
    value: 3,
    valid_from: iso(testStart + 2 * day),
    valid_to: iso(testStart + 3 * day),
  });
  service.clock.set(lost);
  await operate('revoke', { feature_code: 'export' });
});
afterAll(() => service.close());

async function operate(action: 'grant' | 'revoke', body: object): Promise<void> {
  const { status } = await service.request('POST', `/admin/${action}`, {
    key: notes.key,
    body: { user_id: 'u_1', reason: 'test', ...body },
  });
  expect(status).toBe(action === 'grant' ? 201 : 200);
}

const history = (query = '?user_id=u_1', key = notes.key) =>
  service.request('GET', `/entitlements/history${query}`, { key });

describe('200', () => {
  it('shows when each segment was recorded and superseded, the last change first', async () => {
    const { status, body } = await history('?user_id=u_1&feature_code=export');
    expect(status).toBe(200);
    const since = { recorded_at: iso(lost), superseded_at: null };
    const first = { recorded_at: iso(testStart), superseded_at: iso(lost) };
    expect(body).toMatchObject({
      data: [
        { reason: 'revoked', allowed: false, valid_from: iso(lost), valid_to: null, ...since },
        {
          feature_code: 'export',
          type: 'boolean',
          allowed: true,
          reason: 'granted',
          value: true,
          sources: [{ type: 'grant' }],
          valid_from: iso(testStart),
          valid_to: iso(lost),
          ...since,
        },
        { reason: 'granted', valid_from: iso(testStart), valid_to: null, ...first },
        {
          reason: 'not_yet_valid',
          value: null,
          sources: [],
          valid_from: null,
          valid_to: iso(testStart),
        },
      ],
      next_cursor: null,
    });
  });

  it('every page follows the one before: all segments, each once', async () => {
    const { body } = await history('?user_id=u_1&limit=100');
    const all = rowsOf(body);
    const recorded = all.map((row) => text(row, 'recorded_at'));
    expect(recorded).toEqual(recorded.toSorted().reverse());
    expect(new Set(all.map((row) => JSON.stringify(row))).size).toBe(all.length);
    expect(all.length).toBeGreaterThan(6);
    for (const limit of [1, 2, 3]) {
      const paged: unknown[] = [];
      let next: unknown = '';
      while (typeof next === 'string') {
        const cursor = next === '' ? '' : `&cursor=${next}`;
        const page = await history(`?user_id=u_1&limit=${limit}${cursor}`);
        paged.push(...rowsOf(page.body));
        next = at(page.body, 'next_cursor');
      }
      expect(paged, `limit ${limit}`).toEqual(all);
    }
  });

  it('an unknown user has none, and neither has one of another project', async () => {
    expect((await history('?user_id=nobody')).body).toEqual({ data: [], next_cursor: null });
    expect((await history('?user_id=u_1', other.key)).body).toEqual({
      data: [],
      next_cursor: null,
    });
  });
});

describe('400', () => {
  const cursorOf = (position: string) => Buffer.from(position).toString('base64url');
  it.each([
    ['user_id', '?limit=1'],
    ['feature_code', '?user_id=u_1&feature_code=NOT%20A%20CODE'],
    ['limit', '?user_id=u_1&limit=101'],
    ['cursor', '?user_id=u_1&cursor=bm90IGEgcGxhY2U'],
    // Instants that JavaScript accepts and Postgres does not.
    ['cursor', `?user_id=u_1&cursor=${cursorOf('2026 export 2026')}`],
    ['cursor', `?user_id=u_1&cursor=${cursorOf('+012026-11-01T00:00:00.000Z export -infinity')}`],
    ['cursor', `?user_id=u_1&cursor=${cursorOf('0000-01-01T00:00:00.000Z export -infinity')}`],
    ['at', '?user_id=u_1&at=2026-11-01T00:00:00Z'],
  ])('names %s', async (path, query) => {
    const answer = await history(query);
    expect(answer).toMatchObject({ status: 400, body: { errors: [{ path }] } });
  });
});

describe('401, 404', () => {
  it("without a key; of another's project", async () => {
    const anonymous = await service.request('GET', '/entitlements/history?user_id=u_1');
    expect(anonymous.status).toBe(401);
    expect(await history('?user_id=u_1&project_id=notes', other.key)).toMatchObject({
      status: 404,
      body: { code: 'project_not_found' },
    });
  });
});
