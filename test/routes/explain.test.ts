import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Tx } from '../../src/platform/database.ts';
import { at, entriesAt, text, withoutRequestId } from '../helpers/json.ts';
import { rowsOf } from '../helpers/lists.ts';
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

async function operate(action: 'grant' | 'revoke', body: object): Promise<unknown> {
  const answer = await service.request('POST', `/admin/${action}`, {
    key: notes.key,
    body: { reason: 'test', ...body },
  });
  expect([200, 201]).toContain(answer.status);
  return answer.body;
}

const explain = (userId: string, query = '', key = notes.key) =>
  service.request('GET', `/entitlements/explain?user_id=${userId}&feature_code=seats${query}`, {
    key,
  });

describe('200', () => {
  it('every source and revocation, with its window, why, and the audit row that says who and why', async () => {
    const feature = { user_id: 'u_1', feature_code: 'seats' };
    const large = await operate('grant', { ...feature, value: 9 });
    const small = await operate('grant', { ...feature, value: 2, valid_to: iso(testStart + day) });
    const { body, status } = await explain('u_1');
    expect(status).toBe(200);
    const evidence = { stripe_ids: [], event_ids: [] };
    const sources = [
      {
        type: 'grant',
        id: text(large, 'grant', 'id'),
        valid_from: iso(testStart),
        valid_to: null,
        value: 9,
        counted: true,
        why: 'counts',
        audit_id: text(large, 'audit_id'),
        ...evidence,
      },
      {
        type: 'grant',
        id: text(small, 'grant', 'id'),
        valid_from: iso(testStart),
        valid_to: iso(testStart + day),
        value: 2,
        counted: true,
        why: 'lower_value',
        audit_id: text(small, 'audit_id'),
        ...evidence,
      },
    ].sort((a, b) => (a.id < b.id ? -1 : 1));
    expect(body).toEqual({
      user_id: 'u_1',
      feature_code: 'seats',
      allowed: true,
      reason: 'granted',
      value: 9,
      rule: 'max',
      sources,
      revocations: [],
    });

    const revoked = await operate('revoke', feature);
    expect((await explain('u_1')).body).toMatchObject({
      allowed: false,
      reason: 'revoked',
      value: null,
      rule: 'last_word',
      sources: [
        { counted: false, why: 'revoked' },
        { counted: false, why: 'revoked' },
      ],
      revocations: [
        {
          id: text(revoked, 'revocation', 'id'),
          valid_from: iso(testStart),
          valid_to: null,
          decides: true,
          audit_id: text(revoked, 'audit_id'),
        },
      ],
    });
  });

  it('a grant that was ended carries the audit row of its end', async () => {
    const made = await operate('grant', { user_id: 'u_2', feature_code: 'seats', value: 1 });
    service.clock.advance(1_000);
    const ended = await operate('revoke', { grant_id: text(made, 'grant', 'id') });
    const { body } = await explain('u_2');
    expect(at(body, 'sources', 0)).toMatchObject({
      why: 'ended_by_operator',
      audit_id: text(ended, 'audit_id'),
    });
    service.clock.set(testStart);
  });

  it('at= explains another instant, as check answers it', async () => {
    const window = { valid_from: iso(testStart + day), valid_to: iso(testStart + 2 * day) };
    await operate('grant', { user_id: 'u_3', feature_code: 'seats', value: 1, ...window });
    for (const [days, why] of [
      [0, 'not_yet_valid'],
      [1, 'counts'],
      [2, 'expired'],
    ] as const) {
      const query = `&at=${iso(testStart + days * day)}`;
      const { body } = await explain('u_3', query);
      expect(at(body, 'sources', 0, 'why')).toBe(why);
      const check = await service.request(
        'GET',
        `/entitlements/check?user_id=u_3&feature_code=seats${query}`,
        { key: notes.key },
      );
      for (const field of ['allowed', 'reason', 'value']) {
        expect(at(body, field), field).toEqual(at(check.body, field));
      }
    }
  });

  it('of an unknown user, and of an unknown feature, as check answers it', async () => {
    expect((await explain('nobody')).body).toMatchObject({
      allowed: false,
      reason: 'no_source',
      rule: 'nothing_counts',
      sources: [],
      revocations: [],
    });
    const unknown = await service.request(
      'GET',
      '/entitlements/explain?user_id=u_1&feature_code=unheard_of',
      { key: notes.key },
    );
    expect(unknown).toMatchObject({
      status: 200,
      body: { allowed: false, reason: 'feature_not_found', rule: 'unknown_feature' },
    });
  });

  it('sees one state of the database: a revoke in the middle of it is not half seen', async () => {
    const feature = { user_id: 'u_5', feature_code: 'seats' };
    await operate('grant', { ...feature, value: 1 });
    const { database } = service.deps;
    const transaction = database.transaction.bind(database);
    vi.spyOn(database, 'transaction').mockImplementationOnce((work) =>
      transaction((tx) => work(beforeFacts(tx, () => operate('revoke', feature)))),
    );
    expect((await explain('u_5')).body).toMatchObject({ reason: 'granted', revocations: [] });
    expect((await explain('u_5')).body).toMatchObject({ reason: 'revoked', sources: [{}] });
  });

  it("another project's user of the same name has nothing of this one's", async () => {
    await operate('grant', { user_id: 'u_4', feature_code: 'seats', value: 1 });
    const [named, nobody] = await Promise.all(
      ['u_4', 'nobody'].map(async (userId) => explain(userId, '', other.key)),
    );
    expect(rowsOf(named?.body, 'sources')).toEqual([]);
    expect(withoutUser(named?.body)).toEqual(withoutUser(nobody?.body));
  });
});

/** The transaction, in which `work` is done once, before it reads the user's facts. */
function beforeFacts(tx: Tx, work: () => Promise<unknown>): Tx {
  let worked: Promise<unknown> | undefined;
  const queryRaw = async (...query: Parameters<Tx['$queryRaw']>): Promise<unknown> => {
    await (worked ??= work());
    return tx.$queryRaw(...query);
  };
  return new Proxy(tx, {
    get: (target, key): unknown => (key === '$queryRaw' ? queryRaw : Reflect.get(target, key)),
  });
}

const withoutUser = (body: unknown) => entriesAt(body).filter(([field]) => field !== 'user_id');

describe('400', () => {
  it.each([
    ['feature_code', '/entitlements/explain?user_id=u_1'],
    ['user_id', '/entitlements/explain?feature_code=seats'],
    ['at', '/entitlements/explain?user_id=u_1&feature_code=seats&at=now'],
    ['known_at', '/entitlements/explain?user_id=u_1&feature_code=seats&known_at=now'],
  ])('names %s', async (path, url) => {
    const answer = await service.request('GET', url, { key: notes.key });
    expect(answer).toMatchObject({ status: 400, body: { errors: [{ path }] } });
  });
});

describe('401, 403', () => {
  it('without a key; with one that may only check out', async () => {
    const url = '/entitlements/explain?user_id=u_1&feature_code=seats';
    expect((await service.request('GET', url)).status).toBe(401);
    const made = await service.request('POST', '/admin/projects/notes/keys', {
      key: notes.key,
      body: { name: 'till', scopes: ['checkout'] },
    });
    expect(await explain('u_1', '', text(made.body, 'key'))).toMatchObject({ status: 403 });
  });
});

describe('404', () => {
  it("another project's id is one that does not exist", async () => {
    const [foreign, missing] = await Promise.all(
      ['notes', 'nowhere'].map((id) => explain('u_1', `&project_id=${id}`, other.key)),
    );
    expect(foreign).toMatchObject({ status: 404, body: { code: 'project_not_found' } });
    expect(withoutRequestId(foreign?.body)).toEqual(withoutRequestId(missing?.body));
  });
});
