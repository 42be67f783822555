import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { at, text } from '../helpers/json.ts';
import { rowsOf } from '../helpers/lists.ts';
import { startTestService, type TestResponse, type TestService } from '../helpers/service.ts';

/*
 * Operators who say opposite things of one user at the same time. Whoever is later has the last word,
 * and who that is stands in the audit: the answers follow from reading it from the first row to the last.
 */

let service: TestService;
let key: string;

const acts = 50;

beforeAll(async () => {
  service = await startTestService();
  ({ key } = await service.createProject('notes'));
  for (const [code, type] of [
    ['export', 'boolean'],
    ['seats', 'limit'],
  ] as const) {
    await post('PUT', `/admin/features/${code}`, { name: code, type });
  }
});
afterAll(() => service.close());

async function post(method: 'POST' | 'PUT' | 'DELETE', path: string, body?: object) {
  const answer = await service.request(method, path, {
    key,
    ...(body === undefined ? {} : { body }),
  });
  if (answer.status >= 300) throw new Error(JSON.stringify(answer.body));
  return answer;
}

const about = (user: string, more: object = {}) => ({
  user_id: user,
  feature_code: 'export',
  reason: 'at the same time',
  ...more,
});

/** The rows of the user's audit, oldest first. */
async function auditOfUser(user: string): Promise<unknown[]> {
  const { body } = await service.request('GET', `/admin/audit?user_id=${user}&limit=100`, { key });
  return rowsOf(body).toReversed();
}

async function entitled(user: string): Promise<unknown> {
  const { body } = await service.request('GET', `/entitlements?user_id=${user}`, { key });
  return at(body, 'entitlements');
}

/** Whether the user has the feature after these acts, each the last word of its time. */
function lastWord(audit: unknown[]): boolean {
  const words: { id: string; gives: boolean }[] = [];
  for (const row of audit) {
    const id = text(row, 'target', 'id');
    const action = text(row, 'action');
    if (action === 'grant.create') words.push({ id, gives: true });
    else if (action === 'revocation.create') words.push({ id, gives: false });
    else
      words.splice(
        words.findIndex((word) => word.id === id),
        1,
      );
  }
  return words.at(-1)?.gives ?? false;
}

describe('fifty acts of two operators on one user at once', () => {
  it.each([1, 2, 3, 4])(
    'grants and revocations end as the last row of the audit says (round %i)',
    async (round) => {
      const user = `both_${round}`;
      const answers = await Promise.all(
        Array.from({ length: acts }, (_, index) =>
          post('POST', index % 2 === 0 ? '/admin/grant' : '/admin/revoke', about(user)),
        ),
      );
      const audit = await auditOfUser(user);
      expect(audit.map((row) => text(row, 'id')).sort()).toEqual(
        answers.map(({ body }) => text(body, 'audit_id')).sort(),
      );
      const given = text(audit.at(-1), 'action') === 'grant.create';
      expect(await entitled(user)).toHaveLength(given ? 1 : 0);
      expect(lastWord(audit)).toBe(given);
    },
  );

  it('grants, revocations, ends and lifts end as the whole audit says, read in its order', async () => {
    const user = 'all';
    const grants: string[] = [];
    const revocations: string[] = [];
    for (let round = 0; round < 10; round += 1) {
      grants.push(text((await post('POST', '/admin/grant', about(user))).body, 'grant', 'id'));
      const revoked = await post('POST', '/admin/revoke', about(user));
      revocations.push(text(revoked.body, 'revocation', 'id'));
    }
    const sends: (() => Promise<TestResponse>)[] = [
      ...grants.map(
        (id) => () => post('POST', '/admin/revoke', { grant_id: id, reason: 'ended at once' }),
      ),
      ...revocations.map((id) => () => post('DELETE', `/admin/revocations/${id}?reason=lifted`)),
      ...grants.map(() => () => post('POST', '/admin/grant', about(user))),
      ...revocations.map(() => () => post('POST', '/admin/revoke', about(user))),
      ...grants.map((id) => () => post('POST', '/admin/revoke', { grant_id: id, reason: 'again' })),
    ];
    await Promise.all(sends.map((send) => send()));
    const audit = await auditOfUser(user);
    // Of two who end the same grant, one does.
    expect(audit).toHaveLength(20 + 40);
    expect(await entitled(user)).toHaveLength(lastWord(audit) ? 1 : 0);
  });

  it('values and revisions follow the same order: each act answers with the state that it left', async () => {
    const user = 'values';
    const answers = await Promise.all(
      Array.from({ length: acts }, (_, index) =>
        index % 2 === 0
          ? post('POST', '/admin/grant', about(user, { feature_code: 'seats', value: index + 1 }))
          : post('POST', '/admin/revoke', about(user, { feature_code: 'seats' })),
      ),
    );
    const audit = await auditOfUser(user);
    const revisions = new Map(
      answers.map(({ body }) => [text(body, 'audit_id'), Number(at(body, 'revision'))]),
    );
    const inOrder = audit.map((row) => revisions.get(text(row, 'id')) ?? -1);
    expect(inOrder).toEqual(inOrder.toSorted((a, b) => a - b));
    const given = audit.flatMap((row) =>
      text(row, 'action') === 'grant.create' ? [Number(at(row, 'after', 'value'))] : [],
    );
    const read = await service.request('GET', '/entitlements?user_id=values', { key });
    expect(at(read.body, 'revision')).toBe(inOrder.at(-1));
    expect(at(read.body, 'entitlements')).toMatchObject(
      lastWord(audit) ? [{ value: Math.max(...given) }] : [],
    );
  });
});
