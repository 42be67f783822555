import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { auditOf, sameProblem } from '../helpers/audit.ts';
import { at, text } from '../helpers/json.ts';
import { rowsOf } from '../helpers/lists.ts';
import { testStart, type TestResponse, type TestService } from '../helpers/service.ts';
import { storeSubscription } from '../helpers/subscription.ts';
import { startTwoProjects } from '../helpers/two-projects.ts';

let service: TestService;
let notes: { projectId: string; key: string };
let other: { projectId: string; key: string };

const day = 86_400_000;
const iso = (instant: number): string => new Date(instant).toISOString();

beforeAll(async () => {
  ({ service, notes, other } = await startTwoProjects({ export: 'boolean', retired: 'boolean' }));
  await grant('early-bird', 'retired');
  await service.request('DELETE', '/admin/features/retired', { key: notes.key });
});
afterAll(() => service.close());

function grant(user: string, feature = 'export'): Promise<TestResponse> {
  return service.request('POST', '/admin/grant', {
    key: notes.key,
    body: { user_id: user, feature_code: feature, reason: 'a test' },
  });
}

const revoke = (user: string, fields: object = {}, key = notes.key): Promise<TestResponse> =>
  service.request('POST', '/admin/revoke', {
    key,
    body: { user_id: user, feature_code: 'export', reason: 'abuse', ...fields },
  });

const lift = (id: string, key = notes.key, reason = 'appeal'): Promise<TestResponse> =>
  service.request('DELETE', `/admin/revocations/${id}?reason=${reason}`, { key });

async function check(user: string, feature = 'export'): Promise<unknown> {
  const { body } = await service.request(
    'GET',
    `/entitlements/check?user_id=${user}&feature_code=${feature}`,
    { key: notes.key },
  );
  return at(body, 'reason');
}

async function allowedAt(user: string, instant: number): Promise<boolean> {
  const { body } = await service.request(
    'GET',
    `/entitlements?user_id=${user}&at=${iso(instant)}`,
    { key: notes.key },
  );
  return rowsOf(body, 'entitlements').length === 1;
}

describe('POST /admin/revoke of a feature', () => {
  it('200: takes the feature away from every source, and the next read shows it', async () => {
    await grant('ben');
    await grant('ben');
    const answer = await revoke('ben');
    expect(answer).toMatchObject({
      status: 200,
      body: {
        revocation: {
          user_id: 'ben',
          feature_code: 'export',
          valid_from: iso(testStart),
          valid_to: null,
          lifted_at: null,
          block: false,
          reason: 'abuse',
          created_at: iso(testStart),
        },
        revision: 3,
        had_access: true,
        has_access: false,
      },
    });
    expect(await check('ben')).toBe('revoked');
  });

  it('200: says so where there was nothing to take away, and stands against what comes from elsewhere', async () => {
    const answer = await revoke('nobody-yet');
    expect(answer).toMatchObject({ status: 200, body: { had_access: false, revision: 1 } });
    expect(await check('nobody-yet')).toBe('revoked');
  });

  it('200: had_access and has_access are about now, before the change and after it', async () => {
    await grant('windowed');
    const later = await revoke('windowed', { valid_from: iso(testStart + day) });
    expect(later.body).toMatchObject({ had_access: true, has_access: true });
    const now = await revoke('windowed', { valid_to: iso(testStart + day) });
    expect(now.body).toMatchObject({ had_access: true, has_access: false });
    const again = await revoke('windowed');
    expect(again.body).toMatchObject({ had_access: false, has_access: false });
  });

  it('200: says whether it blocks; a grant after it gives the feature back all the same', async () => {
    const plain = await revoke('blocked');
    expect(at(plain.body, 'revocation', 'block')).toBe(false);
    const block = await revoke('blocked', { block: true });
    expect(at(block.body, 'revocation', 'block')).toBe(true);
    await grant('blocked');
    expect(await check('blocked')).toBe('granted');
  });

  it('200: a suspension of a week leaves a lifetime grant as it was', async () => {
    await grant('carl');
    const window = { valid_from: iso(testStart + day), valid_to: iso(testStart + 8 * day) };
    await revoke('carl', window);
    expect(await allowedAt('carl', testStart + day - 1)).toBe(true);
    expect(await allowedAt('carl', testStart + day)).toBe(false);
    expect(await allowedAt('carl', testStart + 8 * day - 1)).toBe(false);
    expect(await allowedAt('carl', testStart + 8 * day)).toBe(true);
  });

  it('200: a day of goodwill leaves a ban as it was', async () => {
    await revoke('dora');
    await service.request('POST', '/admin/grant', {
      key: notes.key,
      body: {
        user_id: 'dora',
        feature_code: 'export',
        reason: 'goodwill',
        valid_to: iso(testStart + day),
      },
    });
    expect(await allowedAt('dora', testStart + day - 1)).toBe(true);
    expect(await allowedAt('dora', testStart + day)).toBe(false);
  });

  it('200: takes what is known to be bought by then, though Stripe dates it ahead of our clock', async () => {
    const { database } = service.deps;
    const product = { id: 'prod_pro', projectId: notes.projectId, name: 'Pro', active: true };
    const takenAt = new Date(testStart);
    const feature = { projectId: notes.projectId, featureCode: 'export', value: true };
    await database.prisma.product.create({
      data: { ...product, takenAt, features: { create: feature } },
    });
    const buy = (priceId: string, startedAt: number): Promise<void> =>
      storeSubscription(
        database,
        { projectId: notes.projectId, userId: 'fast-buyer' },
        { priceId, productId: product.id },
        startedAt,
      );
    const known = testStart + 90_000;
    await buy('price_known', known);
    const first = await revoke('fast-buyer');
    expect(first.body).toMatchObject({
      revocation: { valid_from: iso(testStart), created_at: iso(known) },
    });
    expect(await allowedAt('fast-buyer', known)).toBe(false);
    await buy('price_later', known + 1_000);
    await revoke('fast-buyer', { feature_code: 'retired' });
    expect(await allowedAt('fast-buyer', known)).toBe(false);
    expect(await allowedAt('fast-buyer', known + 1_000)).toBe(true);
  });

  it('200: an archived feature can be taken away from those who still have it', async () => {
    expect(await check('early-bird', 'retired')).toBe('granted');
    const answer = await revoke('early-bird', { feature_code: 'retired' });
    expect(answer).toMatchObject({ status: 200, body: { had_access: true } });
    expect(await check('early-bird', 'retired')).toBe('revoked');
  });

  it('200: one audit row says who took what from whom and why, and the revocation names it', async () => {
    let answer: TestResponse | undefined;
    const rows = await auditOf(service, async () => {
      answer = await revoke('audited');
    });
    const id = text(answer?.body, 'revocation', 'id');
    expect(rows).toMatchObject([
      {
        action: 'revocation.create',
        targetId: id,
        userId: 'audited',
        reason: 'abuse',
        before: null,
        after: at(answer?.body, 'revocation'),
      },
    ]);
    const stored = await service.deps.database.prisma.revocation.findUniqueOrThrow({
      where: { id },
    });
    expect(stored.auditId).toBe(text(answer?.body, 'audit_id'));
  });

  it.each([
    ['user_id', { user_id: undefined }],
    ['feature_code', { feature_code: undefined }],
    ['user_id', { grant_id: 'gr_1' }],
    [
      'valid_to',
      { user_id: undefined, feature_code: undefined, grant_id: 'gr_1', valid_to: iso(testStart) },
    ],
    ['block', { user_id: undefined, feature_code: undefined, grant_id: 'gr_1', block: false }],
    [
      'grants_only',
      { user_id: undefined, feature_code: undefined, grant_id: 'gr_1', grants_only: true },
    ],
    ['valid_from', { grants_only: true, valid_from: iso(testStart) }],
    ['valid_to', { grants_only: true, valid_to: iso(testStart + day) }],
    ['block', { grants_only: true, block: true }],
    ['feature_code', { grants_only: true, feature_code: undefined }],
    ['reason', { reason: '' }],
    ['value', { value: true }],
  ])('400 names %s, and nothing is recorded: %j', async (path, fields) => {
    let answer: TestResponse | undefined;
    const rows = await auditOf(service, async () => {
      answer = await revoke('u', fields);
    });
    expect(answer).toMatchObject({ status: 400, body: { code: 'bad_request' } });
    expect(at(answer?.body, 'errors', 0, 'path')).toBe(path);
    expect(rows).toEqual([]);
  });

  it("404: another project's feature is one that does not exist", async () => {
    const theirs = await revoke('u', {}, other.key);
    const nobodys = await revoke('u', { feature_code: 'nothing' }, other.key);
    expect(theirs).toMatchObject({ status: 404, body: { code: 'feature_not_found' } });
    expect(sameProblem(theirs.body)).toEqual(sameProblem(nobodys.body));
  });

  it('422: a window without an instant', async () => {
    const answer = await revoke('u', { valid_to: iso(testStart) });
    expect(answer).toMatchObject({ status: 422, body: { code: 'window_invalid' } });
  });
});

describe('DELETE /admin/revocations/{id}', () => {
  it('200: lifts it now: what was given counts again, and one audit row says so', async () => {
    await grant('eve');
    const revocation = await revoke('eve');
    const id = text(revocation.body, 'revocation', 'id');
    let answer: TestResponse | undefined;
    const rows = await auditOf(service, async () => {
      answer = await lift(id);
    });
    expect(answer).toMatchObject({
      status: 200,
      body: { revocation: { id, lifted_at: iso(testStart) }, revision: 3 },
    });
    expect(await check('eve')).toBe('granted');
    expect(rows).toMatchObject([
      {
        action: 'revocation.lift',
        targetId: id,
        reason: 'appeal',
        before: { lifted_at: null },
        after: { lifted_at: iso(testStart) },
      },
    ]);
    expect(at(answer?.body, 'audit_id')).not.toBe(at(revocation.body, 'audit_id'));
  });

  it('200: lifting it again changes and records nothing, and answers the same', async () => {
    const id = text((await revoke('fred')).body, 'revocation', 'id');
    const first = await lift(id);
    let second: TestResponse | undefined;
    const rows = await auditOf(service, async () => {
      second = await lift(id, notes.key, 'again');
    });
    expect(second).toMatchObject({ status: 200, body: Object(first.body) as object });
    expect(rows).toEqual([]);
  });

  it('400: a reason is required', async () => {
    const id = text((await revoke('gina')).body, 'revocation', 'id');
    const answer = await service.request('DELETE', `/admin/revocations/${id}`, { key: notes.key });
    expect(answer).toMatchObject({ status: 400, body: { errors: [{ path: 'reason' }] } });
    expect(await check('gina')).toBe('revoked');
  });

  it("404: another project's revocation is one that does not exist, and stays in force", async () => {
    const id = text((await revoke('hugo')).body, 'revocation', 'id');
    const theirs = await lift(id, other.key);
    const nobodys = await lift('rv_nothing', other.key);
    expect(theirs).toMatchObject({ status: 404, body: { code: 'revocation_not_found' } });
    expect(sameProblem(theirs.body)).toEqual(sameProblem(nobodys.body));
    expect(await check('hugo')).toBe('revoked');
  });
});

describe('GET /admin/revocations', () => {
  it('200: filters by user and whether it is in force; a project sees its own only', async () => {
    const open = text((await revoke('ida')).body, 'revocation', 'id');
    const lifted = text((await revoke('ida')).body, 'revocation', 'id');
    await lift(lifted);
    const list = async (query: string, key = notes.key): Promise<unknown> =>
      at((await service.request('GET', `/admin/revocations?${query}`, { key })).body, 'data');
    expect(await list('user_id=ida&active=true')).toMatchObject([{ id: open, lifted_at: null }]);
    expect(await list('user_id=ida&active=false')).toMatchObject([
      { id: lifted, lifted_at: iso(testStart) },
    ]);
    expect(await list('user_id=ida', other.key)).toEqual([]);
    expect(await list('user_id=ida&feature_code=retired')).toEqual([]);
  });
});
