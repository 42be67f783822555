import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { auditOf, sameProblem } from '../helpers/audit.ts';
import { at, text } from '../helpers/json.ts';
import { rowsOf } from '../helpers/lists.ts';
import {
  adminKey,
  startTestService,
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
  for (const [code, type] of [
    ['export', 'boolean'],
    ['seats', 'limit'],
    ['retired', 'boolean'],
  ] as const) {
    const body = { name: code, type };
    await service.request('PUT', `/admin/features/${code}`, { key: notes.key, body });
  }
  await service.request('DELETE', '/admin/features/retired', { key: notes.key });
});
afterAll(() => service.close());

const bulk = (grants: object[], more: object = {}, key = notes.key): Promise<TestResponse> =>
  service.request('POST', '/admin/grants/bulk', {
    key,
    body: { grants, reason: 'a test', ...more },
  });

const give = (userId: string, featureCode = 'export', more: object = {}) => ({
  user_id: userId,
  feature_code: featureCode,
  ...more,
});

async function entitled(userId: string): Promise<unknown[]> {
  const { body } = await service.request('GET', `/entitlements?user_id=${userId}`, {
    key: notes.key,
  });
  return rowsOf(body, 'entitlements').map((entry) => [
    at(entry, 'feature_code'),
    at(entry, 'value'),
  ]);
}

function users(where: object): Promise<number> {
  return service.deps.database.prisma.user.count({ where });
}

describe('200', () => {
  it('all are given, and the next reads show them under the revisions answered', async () => {
    // A cached "nothing" that the grants have to take away.
    expect(await entitled('ann')).toEqual([]);
    const answer = await bulk([
      give('ann'),
      give('bob', 'seats', { value: 5 }),
      give('ann', 'seats', { value: 2 }),
    ]);
    expect(answer).toMatchObject({
      status: 200,
      body: {
        granted: 3,
        refused: 0,
        results: [
          { ...give('ann'), revision: 1, problem: null, grant: { value: true, reason: 'a test' } },
          { ...give('bob', 'seats'), revision: 1, grant: { user_id: 'bob', value: 5 } },
          { ...give('ann', 'seats'), revision: 1, grant: { value: 2 } },
        ],
      },
    });
    expect(await entitled('ann')).toEqual([
      ['export', true],
      ['seats', 2],
    ]);
    expect(await entitled('bob')).toEqual([['seats', 5]]);
    const listed = await service.request('GET', '/admin/grants?user_id=bob', { key: notes.key });
    expect(at(listed.body, 'data', 0)).toEqual(at(answer.body, 'results', 1, 'grant'));
  });

  it('each has an audit row of its own, as a grant alone has', async () => {
    let answer: TestResponse | undefined;
    const rows = await auditOf(service, async () => {
      answer = await bulk([give('audit_1'), give('audit_2')]);
    });
    expect(rows).toEqual(
      rowsOf(answer?.body, 'results').map((result) => ({
        action: 'grant.create',
        actor: expect.stringMatching(/^key_/) as string,
        targetId: text(result, 'grant', 'id'),
        userId: text(result, 'user_id'),
        reason: 'a test',
        before: null,
        after: at(result, 'grant'),
      })),
    );
    expect(rows).toHaveLength(2);
    const stored = await service.deps.database.prisma.grant.findMany({
      where: { user: { userId: 'audit_1' } },
    });
    expect(stored.map(({ auditId }) => auditId)).toEqual([
      text(answer?.body, 'results', 0, 'audit_id'),
    ]);
  });

  it('of two for one user and feature the later in the list is the last word', async () => {
    await bulk([give('words', 'seats', { value: 1 }), give('words', 'seats', { value: 9 })]);
    const stored = await service.deps.database.prisma.grant.findMany({
      where: { user: { userId: 'words' } },
      orderBy: { number: 'asc' },
    });
    expect(stored.map(({ value }) => value)).toEqual([1, 9]);
  });

  it('not atomic: valid ones are given, the others return their problem', async () => {
    const answer = await bulk(
      [
        give('some_1'),
        give('some_2', 'retired'),
        give('some_3', 'seats'),
        give('some_4', 'export', { valid_to: '2020-01-01T00:00:00.000Z' }),
        give('some_5'),
      ],
      { atomic: false },
    );
    expect(answer).toMatchObject({ status: 200, body: { granted: 2, refused: 3 } });
    expect(rowsOf(answer.body, 'results').map((result) => at(result, 'problem', 'code'))).toEqual([
      undefined,
      'feature_not_found',
      'bad_request',
      'window_invalid',
      undefined,
    ]);
    expect(at(answer.body, 'results', 1)).toEqual({
      ...give('some_2', 'retired'),
      grant: null,
      audit_id: null,
      revision: null,
      problem: {
        code: 'feature_not_found',
        detail:
          '`feature_code` names an archived feature: make it active again with PUT /api/v1/admin/features/{feature_code}.',
      },
    });
    expect(await entitled('some_5')).toEqual([['export', true]]);
    expect(await users({ userId: { in: ['some_2', 'some_3', 'some_4'] } })).toBe(0);
  });

  it('not atomic: nothing that can be given is an answer too', async () => {
    const rows = await auditOf(service, async () => {
      const answer = await bulk([give('none', 'nothing')], { atomic: false });
      expect(answer).toMatchObject({ status: 200, body: { granted: 0, refused: 1 } });
    });
    expect(rows).toEqual([]);
  });

  it('a thousand, in the same statements as two, none longer than that', async () => {
    // A statement that grows is compiled in one piece, and nothing else runs meanwhile.
    const queriesFor = async (count: number) => {
      const client = await service.deps.database.pool.connect();
      client.release();
      const query = vi.spyOn(Object.getPrototypeOf(client) as typeof client, 'query');
      const grants = Array.from({ length: count }, (_, index) => give(`crowd_${count}_${index}`));
      const answer = await bulk(grants);
      const [...calls] = query.mock.calls;
      query.mockRestore();
      expect(answer).toMatchObject({ status: 200, body: { granted: count } });
      const inserts = calls
        .map(([asked]) => (typeof asked === 'string' ? asked : text(asked, 'text')))
        .filter((statement) => /^\s*insert/i.test(statement));
      return { queries: calls.length, inserts: inserts.map(({ length }) => length) };
    };
    // The first use of a key is noted, which takes a query.
    await entitled('crowd');
    const few = await queriesFor(2);
    expect(few.queries).toBeGreaterThan(5);
    expect(few.inserts.length).toBeGreaterThan(3);
    expect(await queriesFor(1_000)).toEqual(few);
    expect(await entitled('crowd_1000_999')).toEqual([['export', true]]);
  });

  it('a repeated idempotency key gives once', async () => {
    const send = (): Promise<TestResponse> =>
      service.request('POST', '/admin/grants/bulk', {
        key: notes.key,
        headers: { 'idempotency-key': 'bulk-once' },
        body: { grants: [give('once')], reason: 'twice sent' },
      });
    const [first, second] = [await send(), await send()];
    expect(second.body).toEqual(first.body);
    const { grant } = service.deps.database.prisma;
    expect(await grant.count({ where: { user: { userId: 'once' } } })).toBe(1);
  });

  it('two lists with the same users the other way round wait for each other, and both are given', async () => {
    const names = Array.from({ length: 50 }, (_, index) => `cross_${index}`);
    const answers = await Promise.all([
      bulk(names.map((name) => give(name))),
      bulk(names.toReversed().map((name) => give(name, 'seats', { value: 3 }))),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    for (const name of ['cross_0', 'cross_49']) expect(await entitled(name)).toHaveLength(2);
  });
});

describe('400', () => {
  it('atomic: a value that cannot be, and nothing is given or recorded', async () => {
    const rows = await auditOf(service, async () => {
      const answer = await bulk([
        give('all_1'),
        give('all_2', 'seats', { value: true }),
        give('all_3', 'nothing'),
      ]);
      expect(answer).toMatchObject({ status: 400, body: { code: 'bad_request' } });
      expect(rowsOf(answer.body, 'errors').map((fault) => at(fault, 'path'))).toEqual([
        'grants[1].value',
        'grants[2].feature_code',
      ]);
    });
    expect(rows).toEqual([]);
    expect(await users({ userId: { startsWith: 'all_' } })).toBe(0);
  });

  it.each([
    ['grants', []],
    ['grants', Array.from({ length: 1_001 }, () => give('u'))],
    ['grants[0].user_id', [give('\n')]],
    ['grants[1].feature_code', [give('u'), give('u', 'Not A Code')]],
    ['grants[0].reason', [give('u', 'export', { reason: 'own' })]],
  ])('names %s', async (path, grants) => {
    const answer = await bulk(grants);
    expect(answer.status).toBe(400);
    expect(at(answer.body, 'errors', 0, 'path')).toBe(path);
  });

  it.each([
    ['atomic', { atomic: 'yes' }],
    ['reason', { reason: ' ' }],
  ])('names %s', async (path, more) => {
    expect(await bulk([give('u')], more)).toMatchObject({
      status: 400,
      body: { errors: [{ path }] },
    });
  });

  it('the platform key must name the project', async () => {
    expect((await bulk([give('u')], {}, adminKey)).body).toMatchObject({
      code: 'project_id_required',
    });
  });
});

describe('401 and 403', () => {
  it('without a key, without the scope', async () => {
    const reader = await service.request('POST', '/admin/projects/notes/keys', {
      key: adminKey,
      body: { name: 'reader', scopes: ['read', 'checkout'] },
    });
    const body = { grants: [give('u')], reason: 'x' };
    expect((await service.request('POST', '/admin/grants/bulk', { body })).status).toBe(401);
    expect((await bulk([give('u')], {}, text(reader.body, 'key'))).body).toMatchObject({
      code: 'scope_missing',
    });
  });
});

describe('404', () => {
  it("another project's features look like none, and so does the project", async () => {
    const theirs = await bulk([give('u')], {}, other.key);
    const nobodys = await bulk([give('u', 'nothing')], {}, other.key);
    expect(theirs).toMatchObject({ status: 404, body: { code: 'feature_not_found' } });
    expect(sameProblem(theirs.body)).toEqual(sameProblem(nobodys.body));
    expect((await bulk([give('u')], { project_id: 'notes' }, other.key)).body).toMatchObject({
      code: 'project_not_found',
    });
    expect(await users({ projectId: 'other' })).toBe(0);
  });
});

describe('422', () => {
  it('atomic: a window that ends before it starts, and nothing is given', async () => {
    const window = { valid_from: '2027-01-02T00:00:00.000Z', valid_to: '2027-01-01T00:00:00.000Z' };
    const answer = await bulk([give('window_1'), give('window_2', 'export', window)]);
    expect(answer).toMatchObject({
      status: 422,
      body: { code: 'window_invalid', errors: [{ path: 'grants[1].valid_to' }] },
    });
    expect(await users({ userId: 'window_1' })).toBe(0);
  });
});
