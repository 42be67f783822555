import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { at, text } from '../helpers/json.ts';
import { meteredApp, type MeteredApp } from '../helpers/metered.ts';
import { startTestService, testStart, type TestService } from '../helpers/service.ts';

let service: TestService;
let app: MeteredApp;

const day = 86_400_000;
const iso = (instant: number) => new Date(instant).toISOString();
const credits = { feature_code: 'credits' };

beforeAll(async () => {
  service = await startTestService();
  const { key } = await service.createProject('notes');
  app = await meteredApp(service, key);
  await app.send('PUT', '/admin/features/export', { name: 'Export', type: 'boolean' });
});
afterAll(() => service.close());

describe('POST /usage/consume', () => {
  it('takes units until too few are left, and answers with the balance', async () => {
    await app.grant('u_1', { amount: 10 });
    expect(await app.consume('u_1', 4)).toMatchObject({
      status: 200,
      body: {
        ...{ allowed: true, reason: 'granted', consumed: 4, balance: 6 },
        entry_id: expect.stringMatching(/^ue_/) as string,
      },
    });
    expect((await app.consume('u_1', 7)).body).toEqual({
      ...{ allowed: false, reason: 'limit_reached', consumed: 0, balance: 6, entry_id: null },
    });
    expect((await app.consume('u_1', 7, { partial: true })).body).toMatchObject({
      ...{ allowed: true, reason: 'granted', consumed: 6, balance: 0 },
    });
    expect((await app.consume('u_1', 7, { partial: true })).body).toMatchObject({
      ...{ allowed: false, reason: 'limit_reached', consumed: 0, balance: 0 },
    });
  });

  it('gives the first answer to a repeated key, whatever happened since', async () => {
    await app.grant('u_2', { amount: 10 });
    const body = { user_id: 'u_2', ...credits, amount: 10 };
    const first = await app.post('/usage/consume', body, 'once');
    const denied = await app.post('/usage/consume', body, 'denied');
    expect(denied.body).toMatchObject({ allowed: false });
    await app.grant('u_2', { amount: 100 });
    for (const [key, before] of [['once', first] as const, ['denied', denied] as const]) {
      const again = await app.post('/usage/consume', body, key);
      expect(again).toMatchObject({ status: 200, body: before.body });
      expect(again.headers['idempotency-replayed']).toBe('true');
    }
    expect(await app.usage('u_2')).toMatchObject({ used: 10, balance: 100 });
    const other = await app.post('/usage/consume', { ...body, amount: 9 }, 'once');
    expect(other).toMatchObject({ status: 409, body: { code: 'idempotency_key_reused' } });
    const otherUser = await app.post('/usage/consume', { ...body, user_id: 'u_1' }, 'once');
    expect(otherUser).toMatchObject({ status: 409, body: { code: 'idempotency_key_reused' } });
  });

  it('400: without an idempotency key', async () => {
    const bad = await app.send('POST', '/usage/consume', { user_id: 'u_1', ...credits });
    expect(bad).toMatchObject({ status: 400, body: { errors: [{ path: 'Idempotency-Key' }] } });
  });

  it('refuses with the reason of check', async () => {
    expect((await app.consume('u_nobody', 1)).body).toMatchObject({
      ...{ allowed: false, reason: 'no_source', consumed: 0, balance: 0, entry_id: null },
    });
    await app.grant('u_3', { amount: 5 });
    await app.send('POST', '/admin/revoke', { user_id: 'u_3', ...credits, reason: 'a test' });
    const refused = await app.consume('u_3', 1);
    expect(refused.body).toMatchObject({ allowed: false, reason: 'revoked', consumed: 0 });
    const unknown = await app.consume('u_3', 1, { feature_code: 'unknown' });
    expect(unknown.body).toMatchObject({ allowed: false, reason: 'feature_not_found' });
    const plain = await app.consume('u_3', 1, { feature_code: 'export' });
    expect(plain).toMatchObject({ status: 422, body: { code: 'feature_not_metered' } });
  });

  it('counts without a limit if a source is unlimited', async () => {
    await app.grant('u_4', 'unlimited');
    expect((await app.consume('u_4', 1_000)).body).toMatchObject({
      ...{ allowed: true, consumed: 1_000, balance: null },
    });
    expect(await app.usage('u_4')).toMatchObject({
      ...{ unlimited: true, granted: null, used: 1_000, balance: null, buckets: [] },
    });
  });

  it('goes below zero if the feature allows overage', async () => {
    const { key } = await service.createProject('overage');
    const allowing = await meteredApp(service, key, { overage: 'allow' });
    await allowing.grant('u_1', { amount: 5 });
    expect((await allowing.consume('u_1', 8)).body).toMatchObject({ allowed: true, balance: -3 });
    expect(await allowing.usage('u_1')).toMatchObject({ used: 8, balance: -3, overage: 3 });
    const check = await allowing.send(
      'GET',
      '/entitlements/check?user_id=u_1&feature_code=credits&amount=5',
    );
    expect(check.body).toMatchObject({ allowed: true, balance: -3 });
  });

  it('burns what ends first, and a period that has ended gives nothing to the next', async () => {
    const until = testStart + 40 * day;
    await app.grant('u_5', { amount: 5, every: 'day' }, { valid_to: iso(until) });
    await app.grant('u_5', { amount: 100 });
    await app.consume('u_5', 7);
    expect(await app.usage('u_5')).toMatchObject({
      ...{ granted: 105, used: 7, balance: 98, resets_at: iso(testStart + day) },
      buckets: [
        { amount: 5, used: 5, from: iso(testStart), to: iso(testStart + day) },
        { amount: 100, used: 2, to: null },
      ],
    });
    service.clock.set(testStart + day);
    expect(await app.usage('u_5')).toMatchObject({ granted: 105, used: 2, balance: 103 });
  });
});

describe('POST /usage/consume/batch', () => {
  it('answers each item on its own, in order', async () => {
    await app.grant('u_10', { amount: 3 });
    const item = (userId: string, key: string, more: object = {}) => ({
      ...{ user_id: userId, ...credits, idempotency_key: key, ...more },
    });
    const body = {
      items: [
        item('u_10', 'b_1', { amount: 2 }),
        item('u_10', 'b_2', { amount: 2 }),
        item('u_10', 'b_1', { amount: 2 }),
        item('u_10', 'b_1', { amount: 1 }),
        item('u_10', 'b_3', { feature_code: 'export' }),
        item('u_none', 'b_4'),
      ],
    };
    const answer = await app.send('POST', '/usage/consume/batch', body);
    expect(answer).toMatchObject({
      status: 200,
      body: {
        data: [
          { allowed: true, balance: 1 },
          { allowed: false, reason: 'limit_reached', balance: 1 },
          { allowed: true, balance: 1 },
          { code: 'idempotency_key_reused' },
          { code: 'feature_not_metered' },
          { allowed: false, reason: 'no_source' },
        ],
      },
    });
    expect(await app.usage('u_10')).toMatchObject({ used: 2 });
  });
});

describe('holds', () => {
  const hold = (userId: string, amount: number, seconds = 600) =>
    app.post('/usage/holds', {
      ...{ user_id: userId, ...credits, amount, expires_in_seconds: seconds },
    });

  it('count as used until they are settled; less gives back, more goes below zero', async () => {
    await app.grant('u_20', { amount: 10 });
    const first = await hold('u_20', 6);
    expect(first).toMatchObject({
      status: 201,
      body: { allowed: true, reason: 'granted', held: 6, balance: 4 },
    });
    expect((await hold('u_20', 5)).body).toMatchObject({
      ...{ hold_id: null, allowed: false, reason: 'limit_reached', balance: 4, expires_at: null },
    });
    expect((await app.consume('u_20', 5)).body).toMatchObject({ reason: 'limit_reached' });
    expect(await app.usage('u_20')).toMatchObject({ used: 0, held: 6, balance: 4 });
    const path = `/usage/holds/${text(first.body, 'hold_id')}`;
    const settled = await app.post(`${path}/settle`, { amount: 2 });
    expect(settled).toMatchObject({ status: 200, body: { consumed: 2, balance: 8 } });
    expect((await app.post(`${path}/settle`, { amount: 9 })).body).toEqual(settled.body);
    expect((await app.send('DELETE', path)).body).toEqual(settled.body);
    const second = await hold('u_20', 8);
    const over = await app.post(`/usage/holds/${text(second.body, 'hold_id')}/settle`, {
      amount: 11,
    });
    expect(over.body).toMatchObject({ consumed: 11, balance: -3 });
  });

  it('give everything back when released, and at their end', async () => {
    await app.grant('u_21', { amount: 10 });
    const released = await hold('u_21', 6);
    const path = `/usage/holds/${text(released.body, 'hold_id')}`;
    expect((await app.send('DELETE', path)).body).toMatchObject({ consumed: 0, balance: 10 });
    const expiring = await hold('u_21', 6, 60);
    service.clock.set(service.clock.now() + 60_000);
    expect(await app.usage('u_21')).toMatchObject({ held: 0, balance: 10 });
    const late = `/usage/holds/${text(expiring.body, 'hold_id')}/settle`;
    expect(await app.post(late, { amount: 1 })).toMatchObject({
      ...{ status: 409, body: { code: 'hold_expired' } },
    });
    expect(await app.post('/usage/holds/uh_none/settle', { amount: 1 })).toMatchObject({
      ...{ status: 404, body: { code: 'hold_not_found' } },
    });
  });

  it('400: an id that Postgres cannot store, before it is in a transaction with others', async () => {
    const refused = { status: 400, body: { code: 'bad_request', errors: [{ path: 'id' }] } };
    expect(await app.send('DELETE', '/usage/holds/uh_%00')).toMatchObject(refused);
    expect(await app.post('/usage/holds/uh_%00/settle', { amount: 1 })).toMatchObject(refused);
  });
});

describe('POST /usage/entries/{id}/reverse', () => {
  const reverse = (id: string) => app.post(`/usage/entries/${id}/reverse`, { reason: 'a test' });

  it('gives back exactly what the entry used, once', async () => {
    await app.grant('u_30', { amount: 10 });
    const consumed = await app.consume('u_30', 7);
    const id = text(consumed.body, 'entry_id');
    const first = await reverse(id);
    expect(first).toMatchObject({
      status: 200,
      body: { reversed_entry_id: id, returned: 7, balance: 10 },
    });
    expect((await reverse(id)).body).toEqual(first.body);
    expect(await app.usage('u_30')).toMatchObject({ used: 0, balance: 10 });
    expect(await reverse(text(first.body, 'entry_id'))).toMatchObject({
      ...{ status: 409, body: { code: 'entry_not_reversible' } },
    });
    for (const unknown of ['ue_none', `${id.slice(0, -1)}_`, id.replace(/.$/, '!')]) {
      expect(await reverse(encodeURIComponent(unknown))).toMatchObject({ status: 404 });
    }
  });
});

describe('GET /usage', () => {
  it('lists the metered features that the user may use', async () => {
    await app.grant('u_40', { amount: 10 });
    await app.consume('u_40', 1);
    const { body } = await app.send('GET', '/usage?user_id=u_40');
    expect(body).toMatchObject({
      user_id: 'u_40',
      data: [{ feature_code: 'credits', unit: 'credits', unlimited: false, granted: 10, used: 1 }],
    });
    expect((await app.send('GET', '/usage?user_id=u_none')).body).toMatchObject({ data: [] });
    const none = await app.send('GET', '/usage?user_id=u_none&feature_code=credits');
    expect(none.body).toMatchObject({ data: [{ granted: 0, used: 0, balance: 0, buckets: [] }] });
    expect(await app.send('GET', '/usage?user_id=u_40&feature_code=none')).toMatchObject({
      ...{ status: 404, body: { code: 'feature_not_found' } },
    });
    expect(await app.send('GET', '/usage?user_id=u_40&feature_code=export')).toMatchObject({
      ...{ status: 422, body: { code: 'feature_not_metered' } },
    });
  });
});

describe('GET /usage/entries and /usage/summary', () => {
  it('list the ledger, newest first, and sum it', async () => {
    await app.grant('u_50', { amount: 10 });
    const from = iso(service.clock.now());
    for (const amount of [1, 2, 3]) await app.consume('u_50', amount, { metadata: { amount } });
    const { body } = await app.send('GET', '/usage/entries?user_id=u_50&limit=2');
    expect(at(body, 'data')).toMatchObject([
      { kind: 'consume', amount: 3, balance_after: 4, metadata: { amount: 3 }, user_id: 'u_50' },
      { kind: 'consume', amount: 2, balance_after: 7 },
    ]);
    const cursor = text(body, 'next_cursor');
    const next = await app.send('GET', `/usage/entries?user_id=u_50&limit=2&cursor=${cursor}`);
    expect(next.body).toMatchObject({ data: [{ amount: 1 }], next_cursor: null });
    await app.post(`/usage/entries/${text(body, 'data', '0', 'id')}/reverse`, { reason: 'a test' });
    const to = iso(service.clock.now() + day);
    const summary = await app.send(
      'GET',
      `/usage/summary?user_id=u_50&from=${from}&to=${to}&interval=month`,
    );
    expect(summary.body).toMatchObject({
      data: [{ feature_code: 'credits', used: 6, reversed: 3, users: 1 }],
    });
  });
});

describe('GET /entitlements/check of a metered feature', () => {
  const check = (userId: string, query = '') =>
    app.send('GET', `/entitlements/check?user_id=${userId}&feature_code=credits${query}`);

  it('answers what consume would', async () => {
    await app.grant('u_60', { amount: 3 });
    expect((await check('u_60')).body).toMatchObject({ allowed: true, balance: 3 });
    expect((await check('u_60', '&amount=4')).body).toMatchObject({
      ...{ allowed: false, reason: 'limit_reached', balance: 3 },
    });
    await app.consume('u_60', 3);
    expect((await check('u_60')).body).toMatchObject({
      ...{ allowed: false, reason: 'limit_reached', balance: 0 },
    });
    expect((await check('u_4')).body).toMatchObject({ allowed: true, balance: null });
  });
});

describe('OFREP', () => {
  const evaluate = (path = '') =>
    app.send('POST', `/ofrep/v1/evaluate/flags${path}`, { context: { targetingKey: 'u_70' } });

  it('evaluates a metered feature to its balance, and its ETag changes with it', async () => {
    await app.grant('u_70', { amount: 3 });
    await app.consume('u_70', 1);
    expect((await evaluate('/credits')).body).toMatchObject({ value: 2, variant: 'granted' });
    const all = await evaluate();
    expect(at(all.body, 'flags')).toContainEqual(
      expect.objectContaining({ key: 'credits', value: 2 }),
    );
    await app.consume('u_70', 1);
    expect((await evaluate()).headers['etag']).not.toBe(all.headers['etag']);
    await app.grant('u_70', 'unlimited');
    expect((await evaluate('/credits')).body).toMatchObject({
      ...{ value: Number.MAX_SAFE_INTEGER, metadata: { unlimited: true } },
    });
  });
});

describe('a key', () => {
  const keyOf = async (scope: string): Promise<string> => {
    const body = { name: scope, scopes: [scope] };
    const made = await app.send('POST', '/admin/projects/notes/keys', body);
    return text(made.body, 'key');
  };

  it('needs the scope `usage` to consume, and `usage` or `read` to read usage', async () => {
    await app.grant('u_80', { amount: 10 });
    const statuses: Record<string, number[]> = {};
    for (const scope of ['usage', 'read', 'checkout']) {
      const key = await keyOf(scope);
      const consumed = await service.request('POST', '/usage/consume', {
        ...{ key, body: { user_id: 'u_80', ...credits } },
        headers: { 'idempotency-key': `by_${scope}` },
      });
      const paths = [
        '/usage?user_id=u_80',
        '/usage/entries?user_id=u_80',
        '/entitlements?user_id=u_80',
      ];
      const reads = paths.map((path) => service.request('GET', path, { key }));
      const answers = [consumed, ...(await Promise.all(reads))];
      statuses[scope] = answers.map(({ status }) => status);
    }
    expect(statuses).toEqual({
      usage: [200, 200, 200, 403],
      read: [403, 200, 200, 200],
      checkout: [403, 403, 403, 403],
    });
  });
});
