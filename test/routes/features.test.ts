import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { auditOf, sameProblem } from '../helpers/audit.ts';
import { at } from '../helpers/json.ts';
import { allPages } from '../helpers/lists.ts';
import {
  adminKey,
  startTestService,
  testStart,
  type TestResponse,
  type TestService,
} from '../helpers/service.ts';

let service: TestService;
let notes: { projectId: string; key: string };
let other: { projectId: string; key: string };

beforeAll(async () => {
  service = await startTestService();
  notes = await service.createProject('notes');
  other = await service.createProject('other');
});
afterAll(() => service.close());

const put = (code: string, body: object, key = notes.key): Promise<TestResponse> =>
  service.request('PUT', `/admin/features/${code}`, {
    key,
    body: { name: code, type: 'boolean', ...body },
  });

const archive = (code: string, key = notes.key, query = ''): Promise<TestResponse> =>
  service.request('DELETE', `/admin/features/${code}${query}`, { key });

const list = (query = '', key = notes.key): Promise<TestResponse> =>
  service.request('GET', `/admin/features${query}`, { key });

const grant = (user: string, feature: string, value?: unknown): Promise<TestResponse> =>
  service.request('POST', '/admin/grant', {
    key: notes.key,
    body: { user_id: user, feature_code: feature, value, reason: 'a test' },
  });

describe('PUT /admin/features/{feature_code}', () => {
  it('200: makes a feature, with one audit row', async () => {
    let answer: TestResponse | undefined;
    const rows = await auditOf(service, async () => {
      answer = await put('export', { name: 'Export to PDF' });
    });
    expect(answer).toMatchObject({
      status: 200,
      body: {
        feature_code: 'export',
        name: 'Export to PDF',
        type: 'boolean',
        merge: 'max',
        per_quantity: false,
        archived_at: null,
        refresh: { users: 0, status: 'done' },
      },
    });
    expect(rows).toMatchObject([
      { action: 'feature.create', targetId: 'export', before: null, after: { type: 'boolean' } },
    ]);
  });

  it('200: a rename keeps what is left out, and both states are recorded', async () => {
    await put('seats', { type: 'limit', merge: 'sum', per_quantity: true });
    const rows = await auditOf(service, () => put('seats', { name: 'Seats', type: 'limit' }));
    expect(rows).toMatchObject([
      {
        action: 'feature.update',
        before: { name: 'seats', merge: 'sum', per_quantity: true },
        after: { name: 'Seats', merge: 'sum', per_quantity: true },
      },
    ]);
  });

  it('200: null sets back how a limit adds up, and so does another type', async () => {
    const limit = { type: 'limit', merge: 'sum', per_quantity: true };
    await put('credits', limit);
    expect(await put('credits', { type: 'limit', merge: null })).toMatchObject({
      body: { merge: 'max', per_quantity: true },
    });
    expect(await put('credits', { type: 'limit', per_quantity: null })).toMatchObject({
      body: { merge: 'max', per_quantity: false },
    });
    await put('credits', limit);
    const initial = { merge: 'max', per_quantity: false };
    expect(await put('credits', { type: 'boolean' })).toMatchObject({ body: initial });
    expect(await put('credits', { type: 'limit' })).toMatchObject({ body: initial });
  });

  it('200: a change of how a limit adds up is in the next answer of its users', async () => {
    await put('rows', { type: 'limit' });
    await grant('adder', 'rows', 10);
    await grant('adder', 'rows', 5);
    const value = async (): Promise<unknown> => {
      const read = await service.request('GET', '/entitlements?user_id=adder', { key: notes.key });
      return at(read.body, 'entitlements', 0, 'value');
    };
    expect(await value()).toBe(10);
    const changed = await put('rows', { type: 'limit', merge: 'sum' });
    expect(changed).toMatchObject({ body: { refresh: { status: 'done' } } });
    expect(await value()).toBe(15);
  });

  it('200: the type of a feature that nothing refers to may change', async () => {
    await put('undecided', {});
    expect(await put('undecided', { type: 'config' })).toMatchObject({
      status: 200,
      body: { type: 'config' },
    });
  });

  it('200: a dry run shows whose limit a change of `merge` lowers; a rename changes nothing', async () => {
    await put('parts', { type: 'limit', merge: 'sum' });
    await grant('summed', 'parts', 10);
    await grant('summed', 'parts', 5);
    const dryRun = async (body: object): Promise<unknown> =>
      (await put('parts?dry_run=true', { type: 'limit', ...body })).body;
    expect(await dryRun({ merge: 'max' })).toMatchObject({
      gains: [],
      losses: [],
      raised: [],
      lowered: [{ user_id: 'summed', feature_code: 'parts', from: 15, to: 10 }],
    });
    expect(await dryRun({ name: 'Parts' })).toMatchObject({
      lowered: [],
      counts: { raised: 0, lowered: 0, changed: 0 },
    });
  });

  it('200: an archived feature is back in use', async () => {
    await put('comeback', {});
    await archive('comeback');
    expect(await put('comeback', {})).toMatchObject({ status: 200, body: { archived_at: null } });
    expect(await grant('u', 'comeback')).toMatchObject({ status: 201 });
  });

  it('200: the platform key makes a feature of the project that it names', async () => {
    const answer = await put('by_platform', { project_id: 'other' }, adminKey);
    expect(answer.status).toBe(200);
    expect(at((await list('', other.key)).body, 'data', 0, 'feature_code')).toBe('by_platform');
  });

  it('200: a dry run changes and records nothing', async () => {
    const rows = await auditOf(service, async () => {
      const answer = await service.request('PUT', '/admin/features/dry?dry_run=true', {
        key: notes.key,
        body: { name: 'dry', type: 'boolean' },
      });
      expect(answer).toMatchObject({
        status: 200,
        body: { gains: [], losses: [], counts: { gains: 0, losses: 0 } },
      });
    });
    expect(rows).toEqual([]);
    expect(await grant('u', 'dry')).toMatchObject({ status: 404 });
  });

  it.each([
    ['type', { type: 'number' }],
    ['name', { name: '' }],
    ['merge', { type: 'limit', merge: 'min' }],
    ['merge', { merge: 'sum' }],
    ['per_quantity', { type: 'config', per_quantity: true }],
    ['colour', { colour: 'red' }],
  ])('400 names %s, and nothing is recorded: %j', async (path, body) => {
    const rows = await auditOf(service, async () => {
      const answer = await put('faulty', body);
      expect(answer).toMatchObject({
        status: 400,
        body: { code: 'bad_request', errors: [{ path }] },
      });
    });
    expect(rows).toEqual([]);
  });

  it('400: a code of capital letters, and an unknown word for dry_run', async () => {
    expect(await put('Export', {})).toMatchObject({
      status: 400,
      body: { errors: [{ path: 'feature_code' }] },
    });
    expect(await put('export?dry_run=1', {})).toMatchObject({
      status: 400,
      body: { errors: [{ path: 'dry_run' }] },
    });
  });

  it.each([
    ['a grant', 'granted', (code: string): Promise<TestResponse> => grant('u', code)],
    [
      'a revocation',
      'revoked',
      (code: string): Promise<TestResponse> =>
        service.request('POST', '/admin/revoke', {
          key: notes.key,
          body: { user_id: 'u', feature_code: code, reason: 'a test' },
        }),
    ],
  ])(
    '409: the type of a feature with %s stays, and nothing is recorded',
    async (_kind, code, use) => {
      await put(code, {});
      await use(code);
      const rows = await auditOf(service, async () => {
        expect(await put(code, { type: 'limit' })).toMatchObject({
          status: 409,
          body: { code: 'feature_in_use' },
        });
      });
      expect(rows).toEqual([]);
      expect(await put(code, { name: 'Renamed' })).toMatchObject({ status: 200 });
    },
  );
});

describe('DELETE /admin/features/{feature_code}', () => {
  it('200: archives: who has it keeps it, nothing new can carry it, one audit row', async () => {
    await put('legacy', {});
    await grant('keeper', 'legacy');
    let answer: TestResponse | undefined;
    const rows = await auditOf(service, async () => {
      answer = await archive('legacy');
    });
    expect(answer).toMatchObject({
      status: 200,
      body: { archived_at: new Date(testStart).toISOString(), refresh: { status: 'done' } },
    });
    expect(rows).toMatchObject([{ action: 'feature.archive', targetId: 'legacy' }]);
    const check = await service.request(
      'GET',
      '/entitlements/check?user_id=keeper&feature_code=legacy',
      { key: notes.key },
    );
    expect(at(check.body, 'allowed')).toBe(true);
    expect(await grant('newcomer', 'legacy')).toMatchObject({ status: 404 });
  });

  it('200: archiving it again changes and records nothing', async () => {
    await put('gone', {});
    const first = await archive('gone');
    const rows = await auditOf(service, async () => {
      const second = await archive('gone');
      expect(at(second.body, 'archived_at')).toBe(at(first.body, 'archived_at'));
    });
    expect(rows).toEqual([]);
  });

  it('200: a dry run archives nothing', async () => {
    await put('spared', {});
    expect(await archive('spared', notes.key, '?dry_run=true')).toMatchObject({
      status: 200,
      body: { losses: [] },
    });
    expect(await grant('u', 'spared')).toMatchObject({ status: 201 });
  });

  it("404: another project's feature is one that does not exist", async () => {
    await put('mine', {});
    const theirs = await archive('mine', other.key);
    const nobodys = await archive('nothing', other.key);
    expect(theirs).toMatchObject({ status: 404, body: { code: 'feature_not_found' } });
    expect(sameProblem(theirs.body)).toEqual(sameProblem(nobodys.body));
    expect(await archive('mine', other.key, '?project_id=notes')).toMatchObject({
      status: 404,
      body: { code: 'project_not_found' },
    });
    expect(await grant('u', 'mine')).toMatchObject({ status: 201 });
  });
});

describe('GET /admin/features', () => {
  it('200: pages through the features of the project by code, archived ones too', async () => {
    const seen = await allPages(service, '/admin/features', notes.key, 3);
    const stored = await service.deps.database.prisma.feature.findMany({
      where: { projectId: 'notes' },
    });
    expect(stored.length).toBeGreaterThan(6);
    expect(seen.map((row) => at(row, 'feature_code'))).toEqual(
      stored.map(({ code }) => code).sort(),
    );
  });

  it('200: the platform key reads the project that it names, 400 without one', async () => {
    expect(await list('?project_id=notes', adminKey)).toMatchObject({ status: 200 });
    expect(await list('', adminKey)).toMatchObject({
      status: 400,
      body: { code: 'project_id_required' },
    });
  });
});
