import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { at, text, withoutRequestId } from '../helpers/json.ts';
import { rowsOf } from '../helpers/lists.ts';
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
let readKey = '';

const day = 86_400_000;
const iso = (instant: number): string => new Date(instant).toISOString();

beforeAll(async () => {
  service = await startTestService();
  notes = await service.createProject('notes');
  other = await service.createProject('other');
  const made = await service.request('POST', '/admin/projects/notes/keys', {
    key: adminKey,
    body: { name: 'app', scopes: ['read', 'checkout'] },
  });
  readKey = text(made.body, 'key');
  for (const { key } of [notes, other]) {
    await service.request('PUT', '/admin/features/export', {
      key,
      body: { name: 'Export', type: 'boolean' },
    });
  }
  const given = { feature_code: 'export', reason: 'a test' };
  for (const user_id of ['ann', 'bob']) {
    await service.request('POST', '/admin/grant', { key: notes.key, body: { user_id, ...given } });
  }
  await sell('notes', 'ann', 1_000n);
  await sell('other', 'eve', 77_000n);
});
afterAll(() => service.close());

/** A subscription that began now, its price, and an invoice of it that was paid now. */
async function sell(projectId: string, userId: string, amount: bigint): Promise<void> {
  const { prisma } = service.deps.database;
  const createdAt = new Date(service.clock.now());
  const who = { projectId, userId };
  const { uid } = await prisma.user.upsert({
    where: { projectId_userId: who },
    create: { ...who, createdAt },
    update: {},
  });
  const product = { id: `prod_${projectId}`, projectId, name: 'Pro', active: true };
  await prisma.product.create({ data: { ...product, takenAt: createdAt } });
  const price = { id: `price_${projectId}`, productId: product.id, type: 'recurring' };
  const cost = { currency: 'usd', unitAmount: amount, interval: 'month', intervalCount: 1 };
  await prisma.price.create({ data: { ...price, ...cost, active: true } });
  const id = `sub_${userId}`;
  const customerId = `cus_${userId}`;
  const status = { status: 'active', effectiveStatus: 'active', cancelAtPeriodEnd: false };
  const period = { currentPeriodStart: createdAt, currentPeriodEnd: createdAt };
  await prisma.subscription.create({
    data: {
      ...{ id, uid, customerId, ...status, currency: 'usd', createdAt, startDate: createdAt },
      collectionMethod: 'charge_automatically',
      items: {
        create: {
          ...{ id: `si_${userId}`, priceId: price.id, productId: product.id, quantity: 1 },
          ...{ createdAt, ...period, position: 0 },
        },
      },
    },
  });
  const due = { amountDue: amount, amountPaid: amount, total: amount, attemptCount: 1 };
  const paid = { status: 'paid', createdAt, finalizedAt: createdAt, paidAt: createdAt };
  await prisma.invoice.create({
    data: { id: `in_${userId}`, subscriptionId: id, customerId, currency: 'usd', ...due, ...paid },
  });
}

const metrics = (query = '', key = notes.key, headers = {}): Promise<TestResponse> =>
  service.request('GET', `/metrics${query}`, { key, headers });

const ofNotes = {
  project_id: 'notes',
  subscriptions: {
    by_status: { active: 1 },
    by_product: { prod_notes: 1 },
    by_price: { price_notes: 1 },
    new: 1,
    churned: 0,
    reactivated: 0,
    trialing: 0,
  },
  mrr: { usd: 1_000 },
  mrr_apart: { trialing: {}, paused: {}, unpriced_items: 0 },
  revenue: { usd: { gross: 1_000, refunded: 0, disputed: 0, net: 1_000 } },
  payments: { failed: 0, recovered: 0 },
  usage: {},
  entitled_users: { export: 2 },
  grants_in_force: 2,
};

describe('GET /metrics', () => {
  it("200: a project's key sees its project, over 30 days up to now, which is in them", async () => {
    expect(await metrics()).toMatchObject({
      status: 200,
      body: { from: iso(testStart + 1 - 30 * day), to: iso(testStart + 1), projects: [ofNotes] },
    });
    expect(at((await metrics()).body, 'projects')).toEqual([ofNotes]);
  });

  it('200: the platform key sees every project, or the one that it names', async () => {
    const all = rowsOf((await metrics('', adminKey)).body, 'projects');
    expect(all).toMatchObject([
      ofNotes,
      { project_id: 'other', mrr: { usd: 77_000 }, entitled_users: { export: 0 } },
    ]);
    const one = await metrics('?project_id=other', adminKey);
    expect(at(one.body, 'projects')).toEqual(all.slice(1));
  });

  it('200: nothing of another project shows', async () => {
    const { body } = await metrics('', other.key);
    expect(rowsOf(body, 'projects')).toHaveLength(1);
    expect(JSON.stringify(body)).not.toContain('notes');
  });

  it('200: a window is half-open, and changes what happened, not what stands', async () => {
    const before = await metrics(`?from=${iso(testStart - day)}&to=${iso(testStart)}`);
    expect(at(before.body, 'projects')).toEqual([
      { ...ofNotes, revenue: {}, subscriptions: { ...ofNotes.subscriptions, new: 0 } },
    ]);
    const from = await metrics(`?from=${iso(testStart)}&to=${iso(testStart + 1)}`);
    expect(at(from.body, 'projects')).toEqual([ofNotes]);
  });

  it('200: CSV where that is preferred', async () => {
    const { status, body, headers } = await metrics('', notes.key, { accept: 'text/csv' });
    expect([status, headers['content-type']]).toEqual([
      200,
      'text/csv; charset=utf-8; header=present',
    ]);
    const lines = String(body).split('\r\n');
    expect(lines[0]).toBe('from,to,project_id,figure,of,currency,value,amount');
    const window = `${iso(testStart + 1 - 30 * day)},${iso(testStart + 1)},notes`;
    expect(lines).toContain(`${window},mrr,,usd,1000,10.00`);
    expect(lines).toContain(`${window},subscriptions.by_price,price_notes,,1,`);
  });

  it.each(['?from=yesterday', '?project_id=Notes!', '?days=7', '?to=2026-11-01'])(
    '400: %s',
    async (query) => {
      const answer = await metrics(query);
      expect(answer).toMatchObject({ status: 400, body: { code: 'bad_request' } });
    },
  );

  it('401 without a key', async () => {
    const { status } = await service.request('GET', '/metrics');
    expect(status).toBe(401);
  });

  it('403: a key that may not administrate', async () => {
    expect(await metrics('', readKey)).toMatchObject({
      status: 403,
      body: { code: 'scope_missing' },
    });
  });

  it('404: another project is one that does not exist', async () => {
    const theirs = await metrics('?project_id=other');
    expect(theirs).toMatchObject({ status: 404, body: { code: 'project_not_found' } });
    const nobodys = await metrics('?project_id=nothing');
    expect(withoutRequestId(theirs.body)).toEqual(withoutRequestId(nobodys.body));
    expect((await metrics('?project_id=nothing', adminKey)).status).toBe(404);
  });

  it.each([
    ['empty', `?from=${iso(testStart)}&to=${iso(testStart)}`],
    ['reversed', `?from=${iso(testStart)}&to=${iso(testStart - 1)}`],
    ['in the future', `?from=${iso(testStart + day)}`],
  ])('422: a window that is %s', async (_name, query) => {
    expect(await metrics(query)).toMatchObject({ status: 422, body: { code: 'window_invalid' } });
  });
});

describe('GET /metrics/daily', () => {
  const daily = (query = '', key = notes.key): Promise<TestResponse> =>
    service.request('GET', `/metrics/daily${query}`, { key });

  it('200: nothing before a day is over', async () => {
    expect(await daily()).toMatchObject({ status: 200, body: { days: [] } });
  });

  it.each([
    ['first', '?to=0001-01-02T00:00:00Z'],
    ['last', '?from=9999-12-01T00:00:00Z&to=9999-12-31T23:59:59.999Z'],
  ])('200: the %s instants that can be said are answered like any', async (_which, query) => {
    expect(await daily(query)).toMatchObject({ status: 200, body: { days: [] } });
    expect((await metrics(query)).status).toBe(200);
  });

  it.each(['?from=yesterday', '?day=1'])('400: %s', async (query) => {
    expect((await daily(query)).status).toBe(400);
  });

  it('401, 403 and 404 as the report', async () => {
    expect((await service.request('GET', '/metrics/daily')).status).toBe(401);
    expect((await daily('', readKey)).status).toBe(403);
    expect((await daily('?project_id=other')).status).toBe(404);
  });

  it('422: more than 400 days', async () => {
    const of = (days: number): string =>
      `?from=${iso(testStart - days * day)}&to=${iso(testStart)}`;
    expect((await daily(of(400))).status).toBe(200);
    expect(await daily(of(401))).toMatchObject({ status: 422, body: { code: 'window_invalid' } });
  });
});
