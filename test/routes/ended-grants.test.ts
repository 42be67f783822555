import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { auditOf, sameProblem } from '../helpers/audit.ts';
import { at, text } from '../helpers/json.ts';
import { rowsOf } from '../helpers/lists.ts';
import { testStart, type TestResponse, type TestService } from '../helpers/service.ts';
import { startTwoProjects } from '../helpers/two-projects.ts';

let service: TestService;
let notes: { projectId: string; key: string };
let other: { projectId: string; key: string };

const day = 86_400_000;
const iso = (instant: number): string => new Date(instant).toISOString();

beforeAll(async () => {
  ({ service, notes, other } = await startTwoProjects({ export: 'boolean', seats: 'limit' }));
});
afterAll(() => service.close());

const grant = (body: object, key = notes.key): Promise<TestResponse> =>
  service.request('POST', '/admin/grant', { key, body: { reason: 'a test', ...body } });

const revoke = (body: object, key = notes.key): Promise<TestResponse> =>
  service.request('POST', '/admin/revoke', { key, body: { reason: 'a test', ...body } });

const entitlements = (user: string): Promise<TestResponse> =>
  service.request('GET', `/entitlements?user_id=${user}`, { key: notes.key });

async function check(user: string, feature = 'export'): Promise<unknown> {
  const { body } = await service.request(
    'GET',
    `/entitlements/check?user_id=${user}&feature_code=${feature}`,
    { key: notes.key },
  );
  return at(body, 'reason');
}

describe('POST /admin/revoke of one grant', () => {
  it('200: ends that grant now, and leaves what another gives', async () => {
    const first = await grant({ user_id: 'two', feature_code: 'seats', value: 3 });
    await grant({ user_id: 'two', feature_code: 'seats', value: 1 });
    const grantId = text(first.body, 'grant', 'id');
    const ended = await revoke({ grant_id: grantId });
    expect(ended).toMatchObject({
      status: 200,
      body: {
        grant: { id: grantId, ended_at: iso(testStart) },
        revision: 3,
        had_access: true,
        has_access: true,
      },
    });
    expect(at((await entitlements('two')).body, 'entitlements')).toMatchObject([{ value: 1 }]);
  });

  it('200: a grant that has not begun never will', async () => {
    const later = await grant({
      user_id: 'early',
      feature_code: 'export',
      valid_from: iso(testStart + day),
    });
    await revoke({ grant_id: text(later.body, 'grant', 'id') });
    const read = await service.request(
      'GET',
      `/entitlements?user_id=early&at=${iso(testStart + 2 * day)}`,
      { key: notes.key },
    );
    expect(at(read.body, 'entitlements')).toEqual([]);
  });

  it('200: ending it again changes and records nothing, and answers the same but for had_access', async () => {
    const given = await grant({ user_id: 'again', feature_code: 'export' });
    const end = { grant_id: text(given.body, 'grant', 'id') };
    const answers: TestResponse[] = [];
    const rows = await auditOf(service, async () => {
      answers.push(await revoke(end));
      answers.push(await revoke({ ...end, reason: 'once more' }));
    });
    expect(rows).toMatchObject([
      {
        action: 'grant.end',
        reason: 'a test',
        before: { ended_at: null },
        after: { ended_at: iso(testStart) },
      },
    ]);
    const [first, second] = answers;
    expect(first?.body).toMatchObject({ had_access: true, has_access: false });
    expect(second).toMatchObject({ status: 200 });
    expect(second?.body).toEqual({ ...Object(first?.body), had_access: false });
  });

  it('200: a grant that ran out stays as it is', async () => {
    const window = { valid_from: iso(testStart - 2 * day), valid_to: iso(testStart - day) };
    const given = await grant({ user_id: 'over', feature_code: 'export', ...window });
    const ended = await revoke({ grant_id: text(given.body, 'grant', 'id') });
    expect(ended.body).toEqual({
      ...Object(given.body),
      had_access: false,
      has_access: false,
    });
  });

  it('404: the grant of another project is one that does not exist', async () => {
    const given = await grant({ user_id: 'mine', feature_code: 'export' });
    const theirs = await revoke({ grant_id: text(given.body, 'grant', 'id') }, other.key);
    const unknown = await revoke({ grant_id: 'gr_nothing' }, other.key);
    expect(theirs).toMatchObject({ status: 404, body: { code: 'grant_not_found' } });
    expect(sameProblem(theirs.body)).toEqual(sameProblem(unknown.body));
    expect(at((await entitlements('mine')).body, 'entitlements')).toHaveLength(1);
  });
});

describe('POST /admin/revoke with grants_only', () => {
  const endGrants = (user: string, fields: object = {}, key = notes.key) =>
    revoke(
      { user_id: user, feature_code: 'export', reason: 'abuse', grants_only: true, ...fields },
      key,
    );

  it('200: ends all manual grants of the feature, those to come too, and leaves no revocation', async () => {
    await grant({ user_id: 'rita', feature_code: 'export' });
    await grant({ user_id: 'rita', feature_code: 'export' });
    await service.request('POST', '/admin/grant', {
      key: notes.key,
      body: {
        user_id: 'rita',
        feature_code: 'export',
        valid_from: iso(testStart + day),
        reason: 'later',
      },
    });
    let answer: TestResponse | undefined;
    const rows = await auditOf(service, async () => {
      answer = await endGrants('rita');
    });
    expect(answer).toMatchObject({
      status: 200,
      body: { revision: 4, had_access: true, has_access: false },
    });
    const grants = rowsOf(answer?.body, 'grants');
    expect(grants.map((one) => at(one, 'ended_at'))).toEqual(Array(3).fill(iso(testStart)));
    expect(rows).toMatchObject(
      grants.map((one) => ({
        action: 'grant.end',
        targetId: at(one, 'id'),
        reason: 'abuse',
        before: { ended_at: null },
        after: one,
      })),
    );
    const auditIds = rowsOf(answer?.body, 'audit_ids').map(String);
    const named = await Promise.all(
      auditIds.map((id) =>
        service.deps.database.prisma.auditEntry.findUniqueOrThrow({ where: { id } }),
      ),
    );
    expect(named.map(({ targetId }) => targetId)).toEqual(rows.map(({ targetId }) => targetId));
    expect(at(answer?.body, 'audit_id')).toBe(auditIds.at(-1));
    expect(await check('rita')).toBe('expired');
    await grant({ user_id: 'rita', feature_code: 'export' });
    expect(await check('rita')).toBe('granted');
  });

  it('200: leaves the grants of other features', async () => {
    await grant({ user_id: 'uma', feature_code: 'export' });
    await grant({ user_id: 'uma', feature_code: 'seats', value: 2 });
    expect(rowsOf((await endGrants('uma')).body, 'grants')).toHaveLength(1);
    expect(at((await entitlements('uma')).body, 'entitlements')).toMatchObject([
      { feature_code: 'seats', value: 2 },
    ]);
  });

  it('200: nothing is recorded if there is no grant to end', async () => {
    await grant({ user_id: 'sam', feature_code: 'export' });
    await endGrants('sam');
    let answer: TestResponse | undefined;
    const rows = await auditOf(service, async () => {
      answer = await endGrants('sam');
    });
    expect(answer).toMatchObject({
      status: 200,
      body: {
        grants: [],
        audit_ids: [],
        audit_id: null,
        revision: 2,
        had_access: false,
        has_access: false,
      },
    });
    expect(rows).toEqual([]);
  });

  it("404: another project's feature is one that does not exist, and its grants stay", async () => {
    await grant({ user_id: 'tina', feature_code: 'export' });
    const answer = await endGrants('tina', {}, other.key);
    expect(answer).toMatchObject({ status: 404, body: { code: 'feature_not_found' } });
    expect(await check('tina')).toBe('granted');
  });
});
