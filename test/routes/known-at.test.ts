import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { at, text } from '../helpers/json.ts';
import { rowsOf } from '../helpers/lists.ts';
import { startTestService, testStart, type TestService } from '../helpers/service.ts';

let service: TestService;
let notes: { projectId: string; key: string };

const iso = (instant: number) => new Date(instant).toISOString();
const day = 86_400_000;

beforeAll(async () => {
  service = await startTestService();
  notes = await service.createProject('notes');
  for (const [code, type] of [
    ['export', 'boolean'],
    ['seats', 'limit'],
  ]) {
    await service.request('PUT', `/admin/features/${code}`, {
      key: notes.key,
      body: { name: code, type },
    });
  }
});
afterAll(() => service.close());

function read(userId: string, query = '') {
  return service.request('GET', `/entitlements?user_id=${userId}${query}`, { key: notes.key });
}

async function grant(userId: string, body: object): Promise<string> {
  const made = await service.request('POST', '/admin/grant', {
    key: notes.key,
    body: { user_id: userId, reason: 'test', ...body },
  });
  expect(made.status).toBe(201);
  return text(made.body, 'grant', 'id');
}

async function revoke(body: object): Promise<void> {
  const made = await service.request('POST', '/admin/revoke', {
    key: notes.key,
    body: { reason: 'test', ...body },
  });
  expect(made.status).toBe(200);
}

describe('200', () => {
  it('answers, revision and tag included, what was answered then, after every later change', async () => {
    service.clock.set(testStart);
    const changes = [
      async () => grant('u_1', { feature_code: 'export' }),
      async () =>
        grant('u_1', { feature_code: 'seats', value: 3, valid_to: iso(testStart + 20 * day) }),
      async () => revoke({ user_id: 'u_1', feature_code: 'export' }),
      // Takes segments away and brings none.
      async () => {
        const id = await grant('u_1', {
          feature_code: 'seats',
          value: 9,
          valid_from: iso(testStart + 90 * day),
        });
        service.clock.advance(1);
        await revoke({ grant_id: id });
      },
      async () => grant('u_1', { feature_code: 'export' }),
    ];
    const answers = [{ instant: testStart, ...(await read('u_1')) }];
    for (const change of changes) {
      service.clock.advance(day);
      await change();
      answers.push({ instant: service.clock.now(), ...(await read('u_1')) });
      service.clock.advance(1_000);
      answers.push({ instant: service.clock.now(), ...(await read('u_1')) });
    }
    expect(answers.map(({ body }) => at(body, 'revision'))).toEqual([
      0, 1, 1, 2, 2, 3, 3, 5, 5, 6, 6,
    ]);
    service.clock.advance(365 * day);
    for (const { instant, body, headers } of answers) {
      const then = await read('u_1', `&known_at=${iso(instant)}`);
      expect(then.status).toBe(200);
      expect(then.body).toEqual(body);
      expect(then.headers).toMatchObject({
        etag: headers['etag'],
        'latchkey-revision': headers['latchkey-revision'],
        'latchkey-cache': 'bypass',
      });
    }
  });

  it('separates changes of one user within one millisecond', async () => {
    service.clock.set(testStart);
    const values = [1, 2, 3];
    for (const value of values) await grant('u_same', { feature_code: 'seats', value });
    service.clock.advance(1_000);
    const { body } = await service.request('GET', '/entitlements/history?user_id=u_same', {
      key: notes.key,
    });
    const recorded = new Set(rowsOf(body).map((row) => text(row, 'recorded_at')));
    expect(recorded.size).toBe(values.length);
    for (const [index, instant] of [...recorded].toReversed().entries()) {
      expect((await read('u_same', `&known_at=${instant}`)).body).toMatchObject({
        revision: index + 1,
        entitlements: [{ value: values[index] }],
      });
    }
  });

  it('with at= reads any instant as it was expected then', async () => {
    service.clock.set(testStart);
    await grant('u_2', { feature_code: 'export' });
    service.clock.set(testStart + day);
    await revoke({ user_id: 'u_2', feature_code: 'export', valid_from: iso(testStart + 5 * day) });
    service.clock.set(testStart + 9 * day);
    const expected = async (knownAt: number, instant: number) =>
      at((await read('u_2', `&known_at=${iso(knownAt)}&at=${iso(instant)}`)).body, 'entitlements');
    expect(await expected(testStart, testStart + 6 * day)).toHaveLength(1);
    expect(await expected(testStart + day, testStart + 6 * day)).toEqual([]);
    expect(await expected(testStart + day, testStart + 4 * day)).toHaveLength(1);
    expect(await expected(testStart - 1, testStart + 6 * day)).toEqual([]);
  });

  it('with feature_code= keeps those', async () => {
    service.clock.set(testStart);
    await grant('u_3', { feature_code: 'export' });
    await grant('u_3', { feature_code: 'seats', value: 2 });
    service.clock.advance(1_000);
    const query = `&known_at=${iso(service.clock.now())}&feature_code=seats`;
    const { body } = await read('u_3', query);
    expect(body).toMatchObject({
      revision: 2,
      entitlements: [{ feature_code: 'seats', value: 2 }],
    });
  });

  it('of the present instant is the present answer; of a user unknown at that time, empty', async () => {
    service.clock.set(testStart + day);
    await grant('u_4', { feature_code: 'export' });
    const now = await read('u_4', `&known_at=${iso(service.clock.now())}`);
    expect(now.body).toEqual((await read('u_4')).body);
    const before = await read('u_4', `&known_at=${iso(testStart)}`);
    expect(before.body).toEqual({
      project_id: 'notes',
      user_id: 'u_4',
      revision: 0,
      entitlements: [],
      next_change_at: null,
    });
  });
});

describe('400', () => {
  it('of the future nothing is known yet', async () => {
    const answer = await read('u_1', `&known_at=${iso(service.clock.now() + 30 * 86_400_000)}`);
    expect(answer).toMatchObject({
      status: 400,
      body: { code: 'bad_request', errors: [{ path: 'known_at' }] },
    });
  });

  it('names known_at if it is no instant, and on check', async () => {
    expect(await read('u_1', '&known_at=yesterday')).toMatchObject({
      status: 400,
      body: { errors: [{ path: 'known_at' }] },
    });
    const check = await service.request(
      'GET',
      `/entitlements/check?user_id=u_1&feature_code=export&known_at=${iso(testStart)}`,
      { key: notes.key },
    );
    expect(check).toMatchObject({ status: 400, body: { errors: [{ path: 'known_at' }] } });
  });
});

describe('409', () => {
  it('min_revision beyond the one of then', async () => {
    service.clock.set(testStart);
    await grant('u_5', { feature_code: 'export' });
    service.clock.advance(day);
    await grant('u_5', { feature_code: 'seats', value: 1 });
    const then = `&known_at=${iso(testStart)}`;
    expect((await read('u_5', `${then}&min_revision=1`)).status).toBe(200);
    expect(await read('u_5', `${then}&min_revision=2`)).toMatchObject({
      status: 409,
      body: { code: 'revision_not_reached' },
    });
  });
});
