import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { at, text, withoutRequestId } from '../helpers/json.ts';
import { rowsOf } from '../helpers/lists.ts';
import { startTestService, testStart, type TestService } from '../helpers/service.ts';

let service: TestService;
let notes: { projectId: string; key: string };
let other: { projectId: string; key: string };

const iso = (instant: number) => new Date(instant).toISOString();

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
  for (const body of [
    { user_id: 'u_1', feature_code: 'export' },
    { user_id: 'u_1', feature_code: 'seats', value: 5 },
    { user_id: 'u_2', feature_code: 'seats', value: 1, valid_to: iso(testStart + 1_000) },
  ]) {
    const made = await service.request('POST', '/admin/grant', {
      key: notes.key,
      body: { reason: 'test', ...body },
    });
    expect(made.status).toBe(201);
  }
});
afterAll(() => service.close());

const batch = (body: object, key = notes.key) =>
  service.request('POST', '/entitlements/batch', { key, body });

async function single(userId: string, query = ''): Promise<unknown> {
  const answer = await service.request('GET', `/entitlements?user_id=${userId}${query}`, {
    key: notes.key,
  });
  return answer.body;
}

describe('200', () => {
  it('answers for each user what GET /entitlements answers, in order, repeated ones again', async () => {
    const user_ids = ['u_2', 'nobody', 'u_1', 'u_2'];
    const { status, body } = await batch({ user_ids });
    expect(status).toBe(200);
    const expected = await Promise.all(user_ids.map((userId) => single(userId)));
    expect(body).toEqual({ data: expected });
    expect(at(expected, 2, 'entitlements', 1, 'value')).toBe(5);
  });

  it('loads a user who is named often once', async () => {
    const query = vi.spyOn(service.deps.database.pool, 'query');
    const { body } = await batch({ user_ids: ['u_1', 'u_2', ...Array<string>(98).fill('u_1')] });
    const [[asked] = []] = query.mock.calls;
    query.mockRestore();
    expect(at(asked, 'values', 1)).toEqual(['u_1', 'u_2']);
    expect(rowsOf(body)).toHaveLength(100);
    expect(at(body, 'data', 99)).toEqual(at(body, 'data', 0));
  });

  it('feature_codes keeps those, as feature_code= does', async () => {
    const { body } = await batch({ user_ids: ['u_1', 'u_2'], feature_codes: ['export'] });
    const expected = await Promise.all(
      ['u_1', 'u_2'].map((userId) => single(userId, '&feature_code=export')),
    );
    expect(body).toEqual({ data: expected });
    expect(at(body, 'data', 0, 'entitlements')).toHaveLength(1);
  });

  it('for an unknown user is empty', async () => {
    expect(await batch({ user_ids: [] })).toMatchObject({ status: 200, body: { data: [] } });
  });

  it('asks Postgres once for a hundred users', async () => {
    const { pool } = service.deps.database;
    let queries = 0;
    const count = () => (queries += 1);
    const user_ids = Array.from({ length: 100 }, (_, index) => `u_${index}`);
    await batch({ user_ids });
    pool.on('acquire', count);
    const { body } = await batch({ user_ids });
    pool.off('acquire', count);
    expect(rowsOf(body)).toHaveLength(100);
    expect(queries).toBe(1);
  });

  it('shows a revoke that has returned, despite the cache', async () => {
    await single('u_1');
    await service.request('POST', '/admin/revoke', {
      key: notes.key,
      body: { user_id: 'u_1', feature_code: 'export', reason: 'test' },
    });
    const { body } = await batch({ user_ids: ['u_1'], feature_codes: ['export'] });
    expect(at(body, 'data', 0)).toMatchObject({ revision: 3, entitlements: [] });
  });

  it("another project's users look like unknown ones", async () => {
    const asOther = await batch({ user_ids: ['u_1'] }, other.key);
    expect(asOther.body).toMatchObject({
      data: [{ project_id: 'other', user_id: 'u_1', revision: 0, entitlements: [] }],
    });
  });
});

describe('400', () => {
  it.each([
    ['user_ids', {}],
    ['user_ids', { user_ids: Array.from({ length: 101 }, (_, index) => `u_${index}`) }],
    ['user_ids[1]', { user_ids: ['u_1', ''] }],
    ['feature_codes[0]', { user_ids: ['u_1'], feature_codes: ['NOT A CODE'] }],
    ['at', { user_ids: ['u_1'], at: iso(testStart) }],
  ])('names %s', async (path, body) => {
    const answer = await batch(body);
    expect(answer).toMatchObject({ status: 400, body: { code: 'bad_request' } });
    expect(text(answer.body, 'errors', 0, 'path')).toBe(path);
  });

  it('the platform key must name a project', async () => {
    const answer = await batch({ user_ids: ['u_1'] }, service.adminKey);
    expect(answer).toMatchObject({ status: 400, body: { code: 'project_id_required' } });
  });
});

describe('401, 403', () => {
  it('without a key; with one that may only check out', async () => {
    const anonymous = await service.request('POST', '/entitlements/batch', {
      body: { user_ids: [] },
    });
    expect(anonymous.status).toBe(401);
    const made = await service.request('POST', '/admin/projects/notes/keys', {
      key: notes.key,
      body: { name: 'till', scopes: ['checkout'] },
    });
    const answer = await batch({ user_ids: [] }, text(made.body, 'key'));
    expect(answer).toMatchObject({ status: 403, body: { code: 'scope_missing' } });
  });
});

describe('404', () => {
  it("another project's id is one that does not exist", async () => {
    const [foreign, missing] = await Promise.all(
      ['notes', 'nowhere'].map((project_id) => batch({ user_ids: ['u_1'], project_id }, other.key)),
    );
    expect(foreign).toMatchObject({ status: 404, body: { code: 'project_not_found' } });
    expect(withoutRequestId(foreign?.body)).toEqual(withoutRequestId(missing?.body));
  });
});
