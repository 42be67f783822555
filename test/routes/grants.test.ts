import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { auditOf, sameProblem } from '../helpers/audit.ts';
import { at, text } from '../helpers/json.ts';
import { allPages, rowsOf } from '../helpers/lists.ts';
import { adminKey, testStart, type TestResponse, type TestService } from '../helpers/service.ts';
import { startTwoProjects } from '../helpers/two-projects.ts';

let service: TestService;
let notes: { projectId: string; key: string };
let other: { projectId: string; key: string };

const day = 86_400_000;
const iso = (instant: number): string => new Date(instant).toISOString();

beforeAll(async () => {
  ({ service, notes, other } = await startTwoProjects({
    export: 'boolean',
    seats: 'limit',
    theme: 'config',
    retired: 'boolean',
  }));
  await service.request('DELETE', '/admin/features/retired', { key: notes.key });
});
afterAll(() => service.close());

const grant = (body: object, key = notes.key): Promise<TestResponse> =>
  service.request('POST', '/admin/grant', { key, body: { reason: 'a test', ...body } });

const revoke = (body: object, key = notes.key): Promise<TestResponse> =>
  service.request('POST', '/admin/revoke', { key, body: { reason: 'a test', ...body } });

const entitlements = (user: string): Promise<TestResponse> =>
  service.request('GET', `/entitlements?user_id=${user}`, { key: notes.key });

describe('POST /admin/grant', () => {
  it('201: gives the feature from now on, and the next read shows it under the revision answered', async () => {
    const answer = await grant({ user_id: 'ann', feature_code: 'export', reason: ' beta tester ' });
    expect(answer).toMatchObject({
      status: 201,
      body: {
        grant: {
          user_id: 'ann',
          feature_code: 'export',
          value: true,
          valid_from: iso(testStart),
          valid_to: null,
          ended_at: null,
          reason: 'beta tester',
          created_at: iso(testStart),
        },
        revision: 1,
      },
    });
    expect(await entitlements('ann')).toMatchObject({
      body: {
        revision: 1,
        entitlements: [
          {
            feature_code: 'export',
            value: true,
            sources: [{ type: 'grant', id: text(answer.body, 'grant', 'id') }],
          },
        ],
      },
    });
  });

  it.each([
    ['seats', 5],
    ['seats', 'unlimited'],
    ['theme', { dark: true, accents: [null, 0] }],
    ['theme', 'dark'],
  ])('201: %s may be %j', async (feature_code, value) => {
    const answer = await grant({ user_id: 'values', feature_code, value });
    expect(answer).toMatchObject({ status: 201, body: { grant: { value } } });
  });

  it('201: a window may begin in the past and lie there', async () => {
    const window = { valid_from: iso(testStart - 2 * day), valid_to: iso(testStart - day) };
    const answer = await grant({ user_id: 'past', feature_code: 'export', ...window });
    expect(answer).toMatchObject({ status: 201, body: { grant: window } });
    expect(at((await entitlements('past')).body, 'entitlements')).toEqual([]);
  });

  it('201: a window may span all years that four digits name', async () => {
    const window = { valid_from: '0001-01-01T00:00:00.000Z', valid_to: '9999-12-31T23:59:59.999Z' };
    const answer = await grant({ user_id: 'eternal', feature_code: 'export', ...window });
    expect(answer).toMatchObject({ status: 201, body: { grant: window } });
    expect((await entitlements('eternal')).body).toMatchObject({
      entitlements: [window],
      next_change_at: window.valid_to,
    });
  });

  it('201: an instant with an offset is the same instant in UTC', async () => {
    const answer = await grant({
      user_id: 'offset',
      feature_code: 'export',
      valid_from: '2026-11-01T02:00:00+02:00',
    });
    expect(text(answer.body, 'grant', 'valid_from')).toBe('2026-11-01T00:00:00.000Z');
  });

  it('201: one audit row says who gave what to whom and why, and the grant names it', async () => {
    let answer: TestResponse | undefined;
    const rows = await auditOf(service, async () => {
      answer = await grant({ user_id: 'audited', feature_code: 'export', reason: 'goodwill' });
    });
    expect(rows).toEqual([
      {
        action: 'grant.create',
        actor: expect.stringMatching(/^key_/) as string,
        targetId: text(answer?.body, 'grant', 'id'),
        userId: 'audited',
        reason: 'goodwill',
        before: null,
        after: at(answer?.body, 'grant'),
      },
    ]);
    const stored = await service.deps.database.prisma.grant.findUniqueOrThrow({
      where: { id: text(answer?.body, 'grant', 'id') },
    });
    expect(stored.auditId).toBe(text(answer?.body, 'audit_id'));
  });

  it('201: a repeated idempotency key gives once', async () => {
    const send = (): Promise<TestResponse> =>
      service.request('POST', '/admin/grant', {
        key: notes.key,
        headers: { 'idempotency-key': 'once' },
        body: { user_id: 'idem', feature_code: 'export', reason: 'twice sent' },
      });
    const [first, second] = [await send(), await send()];
    expect(second.body).toEqual(first.body);
    expect(at((await entitlements('idem')).body, 'revision')).toBe(1);
  });

  it.each([
    ['reason', { user_id: 'u', feature_code: 'export', reason: ' ' }],
    ['reason', { user_id: 'u', feature_code: 'export', reason: 'x'.repeat(1_001) }],
    ['reason', { user_id: 'u', feature_code: 'export', reason: undefined }],
    ['user_id', { feature_code: 'export' }],
    ['user_id', { user_id: '', feature_code: 'export' }],
    ['feature_code', { user_id: 'u', feature_code: 'Not A Code' }],
    ['valid_from', { user_id: 'u', feature_code: 'export', valid_from: 'tomorrow' }],
    ['valid_to', { user_id: 'u', feature_code: 'export', valid_to: 1_800_000_000 }],
    ['valid_to', { user_id: 'u', feature_code: 'export', valid_to: '9999-12-31T23:59:59-12:00' }],
    ['valid_from', { user_id: 'u', feature_code: 'export', valid_from: '0000-01-01T00:00:00Z' }],
    ['until', { user_id: 'u', feature_code: 'export', until: iso(testStart) }],
    ['value', { user_id: 'u', feature_code: 'export', value: false }],
    ['value', { user_id: 'u', feature_code: 'export', value: null }],
    ['value', { user_id: 'u', feature_code: 'export', value: 1 }],
    ['value', { user_id: 'u', feature_code: 'seats' }],
    ['value', { user_id: 'u', feature_code: 'seats', value: 0 }],
    ['value', { user_id: 'u', feature_code: 'seats', value: 1.5 }],
    ['value', { user_id: 'u', feature_code: 'seats', value: true }],
    ['value', { user_id: 'u', feature_code: 'theme' }],
    ['value', { user_id: 'u', feature_code: 'theme', value: 'a\0b' }],
  ])('400 names %s, and nothing is recorded: %j', async (path, body) => {
    let answer: TestResponse | undefined;
    const rows = await auditOf(service, async () => {
      answer = await grant(body);
    });
    expect(answer).toMatchObject({ status: 400, body: { code: 'bad_request' } });
    expect(at(answer?.body, 'errors', 0, 'path')).toBe(path);
    expect(rows).toEqual([]);
  });

  it('400: the platform key must name the project', async () => {
    const answer = await grant({ user_id: 'u', feature_code: 'export' }, adminKey);
    expect(answer).toMatchObject({ status: 400, body: { code: 'project_id_required' } });
  });

  it('401 without a key, 403 without the scope', async () => {
    const reader = await service.request('POST', '/admin/projects/notes/keys', {
      key: adminKey,
      body: { name: 'reader', scopes: ['read', 'checkout'] },
    });
    const body = { user_id: 'u', feature_code: 'export', reason: 'x' };
    expect(await service.request('POST', '/admin/grant', { body })).toMatchObject({ status: 401 });
    expect(await grant(body, text(reader.body, 'key'))).toMatchObject({
      status: 403,
      body: { code: 'scope_missing' },
    });
  });

  it.each(['nothing', 'retired'])(
    '404: no active feature %s, and no user is made',
    async (code) => {
      const answer = await grant({ user_id: 'ghost', feature_code: code });
      expect(answer).toMatchObject({ status: 404, body: { code: 'feature_not_found' } });
      expect(await service.deps.database.prisma.user.count({ where: { userId: 'ghost' } })).toBe(0);
    },
  );

  it("404: a key reaches neither another project nor another project's features", async () => {
    const elsewhere = await grant(
      { project_id: 'notes', user_id: 'u', feature_code: 'export' },
      other.key,
    );
    expect(elsewhere).toMatchObject({ status: 404, body: { code: 'project_not_found' } });
    const theirs = await grant({ user_id: 'u', feature_code: 'export' }, other.key);
    const nobodys = await grant({ user_id: 'u', feature_code: 'nothing' }, other.key);
    expect(theirs.status).toBe(404);
    expect(sameProblem(theirs.body)).toEqual(sameProblem(nobodys.body));
  });

  it.each([
    [{ valid_from: iso(testStart), valid_to: iso(testStart) }],
    [{ valid_from: iso(testStart + day), valid_to: iso(testStart) }],
    [{ valid_to: iso(testStart - 1) }],
  ])('422: a window without an instant: %j', async (window) => {
    const answer = await grant({ user_id: 'u', feature_code: 'export', ...window });
    expect(answer).toMatchObject({ status: 422, body: { code: 'window_invalid' } });
  });
});

describe('GET /admin/grants', () => {
  const list = (query: string, key = notes.key): Promise<TestResponse> =>
    service.request('GET', `/admin/grants?${query}`, { key });
  const ids = ({ body }: TestResponse): unknown[] => rowsOf(body).map((row) => at(row, 'id'));

  it('200: filters by user, feature and whether it is in force', async () => {
    const open = await grant({ user_id: 'lister', feature_code: 'export' });
    const future = await grant({
      user_id: 'lister',
      feature_code: 'seats',
      value: 2,
      valid_from: iso(testStart + day),
    });
    const ended = await grant({ user_id: 'lister', feature_code: 'seats', value: 9 });
    await revoke({ grant_id: text(ended.body, 'grant', 'id') });
    const [openId, futureId, endedId] = [open, future, ended].map(({ body }) =>
      text(body, 'grant', 'id'),
    );
    expect(ids(await list('user_id=lister&active=true'))).toEqual([openId]);
    expect(ids(await list('user_id=lister&active=false')).sort()).toEqual(
      [futureId, endedId].sort(),
    );
    expect(ids(await list('user_id=lister&feature_code=seats')).sort()).toEqual(
      [futureId, endedId].sort(),
    );
    expect(ids(await list('user_id=nobody'))).toEqual([]);
  });

  it('200: pages through all by id, each once', async () => {
    const seen = await allPages(service, '/admin/grants', notes.key, 3);
    const stored = await service.deps.database.prisma.grant.findMany({ orderBy: { id: 'asc' } });
    expect(seen.map((row) => at(row, 'id'))).toEqual(stored.map(({ id }) => id));
  });

  it("200: a project sees none of another's", async () => {
    expect(await list('user_id=lister', other.key)).toMatchObject({
      status: 200,
      body: { data: [], next_cursor: null },
    });
  });

  it.each(['active=yes', 'limit=0', 'user=ann', 'feature_code=%20'])('400: ?%s', async (query) => {
    const answer = await list(query);
    expect(answer.status).toBe(400);
    expect(at(answer.body, 'errors', 0, 'path')).toBe(query.split('=')[0]);
  });
});

describe('many operators at once', () => {
  it('twenty grants and revocations of one user end where the last recorded one says', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => {
        const body = { user_id: 'crowded', feature_code: 'export' };
        return index % 2 === 0 ? grant(body) : revoke(body);
      }),
    );
    expect(answers.map(({ status }) => status)).toEqual(
      answers.map((_, index) => (index % 2 === 0 ? 201 : 200)),
    );
    const { prisma } = service.deps.database;
    const where = { where: { user: { userId: 'crowded' } } };
    const words = [
      ...(await prisma.grant.findMany(where)).map(({ number }) => ({ number, allowed: true })),
      ...(await prisma.revocation.findMany(where)).map(({ number }) => ({
        number,
        allowed: false,
      })),
    ].sort((one, next) => Number(one.number - next.number));
    expect(words).toHaveLength(20);
    expect(new Set(words.map(({ number }) => number)).size).toBe(20);
    const check = await service.request(
      'GET',
      '/entitlements/check?user_id=crowded&feature_code=export',
      { key: notes.key },
    );
    expect(at(check.body, 'allowed')).toBe(words.at(-1)?.allowed);
    expect(await prisma.auditEntry.count({ where: { userId: 'crowded' } })).toBe(20);
    const revisions = answers.map(({ body }) => Number(at(body, 'revision')));
    expect(at(check.body, 'revision')).toBe(Math.max(...revisions));
  });
});
