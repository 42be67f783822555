import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { at, text, withoutRequestId } from '../helpers/json.ts';
import { allPages, rowsOf } from '../helpers/lists.ts';
import { planOf } from '../helpers/query-plan.ts';
import { startTestService, testStart, type TestService } from '../helpers/service.ts';

let service: TestService;
let notes: { projectId: string; key: string };
let other: { projectId: string; key: string };

const iso = (instant: number) => new Date(instant).toISOString();
const day = 86_400_000;

beforeAll(async () => {
  service = await startTestService();
  notes = await service.createProject('notes');
  other = await service.createProject('other');
  for (const { key } of [notes, other]) {
    await service.request('PUT', '/admin/features/seats', {
      key,
      body: { name: 'Seats', type: 'limit' },
    });
  }
});
afterAll(() => service.close());

async function grant(userId: string, body: object, key = notes.key): Promise<void> {
  const made = await service.request('POST', '/admin/grant', {
    key,
    body: { user_id: userId, feature_code: 'seats', value: 1, reason: 'test', ...body },
  });
  expect(made.status).toBe(201);
}

const users = (query = '', key = notes.key) =>
  service.request('GET', `/features/seats/users${query}`, { key });

describe('200', () => {
  it('lists who may use it now, with value and unbroken period, those known longest first', async () => {
    await grant('z_first', { value: 'unlimited' });
    await grant('ended', { valid_from: iso(testStart - 2 * day), valid_to: iso(testStart) });
    await grant('coming', { valid_from: iso(testStart + day) });
    await grant('revoked', {});
    await service.request('POST', '/admin/revoke', {
      key: notes.key,
      body: { user_id: 'revoked', feature_code: 'seats', reason: 'test' },
    });
    // The same value from two grants in turn, with a larger one behind: one period of the first value.
    await grant('a_later', { valid_from: iso(testStart - day), valid_to: iso(testStart + day) });
    await grant('a_later', {
      valid_from: iso(testStart + day),
      valid_to: iso(testStart + 3 * day),
    });
    await grant('a_later', { value: 7, valid_from: iso(testStart + 2 * day) });
    await grant('foreign', {}, other.key);
    const { status, body } = await users();
    expect(status).toBe(200);
    expect(body).toEqual({
      data: [
        { user_id: 'z_first', value: 'unlimited', valid_from: iso(testStart), valid_to: null },
        {
          user_id: 'a_later',
          value: 1,
          valid_from: iso(testStart - day),
          valid_to: iso(testStart + 2 * day),
        },
      ],
      next_cursor: null,
    });
  });

  it('at= reads another instant, as GET /entitlements of each does', async () => {
    const query = `?at=${iso(testStart + 2 * day)}`;
    const { body } = await users(query);
    const rows = rowsOf(body);
    expect(rows.map((row) => at(row, 'user_id'))).toEqual(['z_first', 'coming', 'a_later']);
    for (const row of rows) {
      const single = await service.request(
        'GET',
        `/entitlements?user_id=${text(row, 'user_id')}&at=${iso(testStart + 2 * day)}`,
        { key: notes.key },
      );
      expect(at(single.body, 'entitlements', 0)).toMatchObject({
        value: at(row, 'value'),
        valid_from: at(row, 'valid_from'),
        valid_to: at(row, 'valid_to'),
      });
    }
    expect((await users(`?at=${iso(testStart - 9 * day)}`)).body).toEqual({
      data: [],
      next_cursor: null,
    });
  });

  it('every page follows the one before: all users, each once', async () => {
    const names = Array.from({ length: 7 }, (_, index) => `page ${7 - index}`);
    for (const name of names) await grant(name, {}, other.key);
    const all = ['foreign', ...names];
    for (const limit of [1, 3, 8]) {
      const rows = await allPages(service, '/features/seats/users', other.key, limit);
      expect(rows.map((row) => at(row, 'user_id'))).toEqual(all);
    }
  });

  it('an archived feature still shows who has it', async () => {
    await service.request('PUT', '/admin/features/old', {
      key: notes.key,
      body: { name: 'Old', type: 'boolean' },
    });
    await grant('keeper', { feature_code: 'old', value: true });
    await service.request('DELETE', '/admin/features/old', { key: notes.key });
    const { body } = await service.request('GET', '/features/old/users', { key: notes.key });
    expect(at(body, 'data', 0)).toMatchObject({ user_id: 'keeper', value: true });
  });
});

describe('the page of a feature among many', () => {
  it("reads only the project's own stretch of the index", async () => {
    const { pool } = service.deps.database;
    // Ahead of every catalog: no change of a later test has them all computed anew.
    await pool.query(`
      insert into users (project_id, user_id, created_at, catalog_revision)
      select project, 'many_' || n, now(), 1000000
      from generate_series(1, 20000) n cross join unnest(array['notes', 'other']) project`);
    await pool.query(`
      insert into entitlement_segments
        (uid, feature_code, feature_type, allowed, reason, value, sources, valid_from, recorded_at)
      select uid, 'seats', 'limit', true, 'granted', '1', '[]', '2026-01-01', now()
      from users where project_id = 'other' and user_id like 'many_%'`);
    await pool.query('vacuum analyze users, entitlement_segments');
    const plan = await planOf(service.deps.database, async () => {
      const { body } = await users();
      expect(rowsOf(body)).toHaveLength(2);
    });
    expect(plan.mostRows).toBeLessThan(50);
  });
});

describe('400', () => {
  it.each([
    ['limit', '?limit=0'],
    ['at', '?at=now'],
    ['cursor', '?cursor=bm9ib2R5'],
    ['colour', '?colour=red'],
  ])('names %s', async (path, query) => {
    expect(await users(query)).toMatchObject({ status: 400, body: { errors: [{ path }] } });
  });
});

describe('401, 403', () => {
  it('without a key; with one that may only check out', async () => {
    expect((await service.request('GET', '/features/seats/users')).status).toBe(401);
    const made = await service.request('POST', '/admin/projects/notes/keys', {
      key: notes.key,
      body: { name: 'till', scopes: ['checkout'] },
    });
    expect(await users('', text(made.body, 'key'))).toMatchObject({ status: 403 });
  });
});

describe('404', () => {
  it('a feature that the project does not have, whoever else has it', async () => {
    await service.request('PUT', '/admin/features/secret', {
      key: other.key,
      body: { name: 'Secret', type: 'boolean' },
    });
    const [foreign, missing] = await Promise.all(
      ['secret', 'unheard_of'].map((code) =>
        service.request('GET', `/features/${code}/users`, { key: notes.key }),
      ),
    );
    expect(foreign).toMatchObject({ status: 404, body: { code: 'feature_not_found' } });
    expect(withoutRequestId(foreign?.body)).toEqual(withoutRequestId(missing?.body));
  });

  it("another project's id is one that does not exist", async () => {
    expect(await users('?project_id=other')).toMatchObject({
      status: 404,
      body: { code: 'project_not_found' },
    });
  });
});
