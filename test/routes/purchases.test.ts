import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { syncObject } from '../../src/mirror/sync.ts';
import { auditOf, sameProblem } from '../helpers/audit.ts';
import { at, text } from '../helpers/json.ts';
import { allPages, rowsOf } from '../helpers/lists.ts';
import { adminKey, type TestResponse } from '../helpers/service.ts';
import { type Shop, startShop } from '../helpers/shop.ts';

let shop: Shop;
let other: { projectId: string; key: string };

const theme = { theme: { dark: false } };

beforeAll(async () => {
  shop = await startShop();
  other = await shop.service.createProject('other');
});
afterAll(() => shop.close());

interface Bought {
  /** The purchase's. */
  id: string;
  sessionId: string;
  chargeId: string;
}

/** A purchase of `forever` without a user, known from a webhook. */
async function guest(price = shop.prices.forever): Promise<Bought> {
  const session = await shop.stripe.checkout.sessions.create({
    mode: 'payment',
    line_items: [{ price, quantity: 1 }],
    success_url: 'https://notes.example/',
  });
  await shop.sandbox.buyer.pay(session.id, { email: 'guest@example.com' });
  await shop.settle();
  const purchase = await shop.service.deps.database.prisma.purchase.findFirstOrThrow({
    where: { sessionId: session.id },
  });
  const { data } = await shop.stripe.charges.list({
    payment_intent: purchase.paymentIntentId ?? '',
  });
  return { id: purchase.id, sessionId: session.id, chargeId: data[0]?.id ?? '' };
}

const attach = (id: string, userId: string, key = shop.key, more: object = {}) =>
  shop.service.request('POST', `/admin/purchases/${id}/attach`, {
    key,
    body: { user_id: userId, ...more },
  });

const list = (query: string, key = shop.key): Promise<TestResponse> =>
  shop.service.request('GET', `/admin/purchases?${query}`, { key });

describe('POST /admin/purchases/{id}/attach', () => {
  it('200: the user has at once what was bought, and keeps it through later news', async () => {
    const { id, sessionId } = await guest();
    const answer = await attach(id, 'ann');
    expect(answer).toMatchObject({
      status: 200,
      body: { purchase_id: id, user_id: 'ann', revision: 1 },
    });
    expect(await shop.entitled('ann')).toEqual(theme);
    await syncObject(shop.service.deps, { objectType: 'checkout.session', objectId: sessionId });
    expect(await shop.entitled('ann')).toEqual(theme);
  });

  it('200: a refund counts, whether it came before or after', async () => {
    const before = await guest();
    await shop.sandbox.billing.refund(before.chargeId);
    await shop.settle();
    await attach(before.id, 'refunded_before');
    expect(await shop.entitled('refunded_before')).toEqual({});

    const after = await guest();
    await attach(after.id, 'refunded_after');
    await shop.sandbox.billing.refund(after.chargeId);
    await shop.settle();
    expect(await shop.entitled('refunded_after')).toEqual({});
  });

  it('200: a refund that is applied at the same time counts, whichever comes first', async () => {
    for (let round = 0; round < 5; round += 1) {
      const { id, chargeId } = await guest();
      await shop.sandbox.billing.refund(chargeId);
      await Promise.all([
        attach(id, `race_${round}`),
        syncObject(shop.service.deps, { objectType: 'charge', objectId: chargeId }),
      ]);
      expect(await shop.entitled(`race_${round}`)).toEqual({});
    }
  });

  it('200: again for the same user, attached or not, changes and records nothing', async () => {
    const { id } = await guest();
    await attach(id, 'again');
    await shop.buy('buyer', 'forever');
    await shop.settle();
    const own = text((await list('user_id=buyer')).body, 'data', 0, 'id');
    const rows = await auditOf(shop.service, async () => {
      expect(await attach(id, 'again')).toMatchObject({
        status: 200,
        body: { audit_id: null, revision: 1 },
      });
      expect(await attach(own, 'buyer')).toMatchObject({ status: 200, body: { audit_id: null } });
    });
    expect(rows).toEqual([]);
  });

  it('200: one audit row says who attached what to whom and why', async () => {
    const { id } = await guest();
    let answer: TestResponse | undefined;
    const rows = await auditOf(shop.service, async () => {
      answer = await attach(id, 'audited', shop.key, { reason: 'showed the receipt' });
    });
    expect(rows).toEqual([
      {
        action: 'purchase.attach',
        actor: expect.stringMatching(/^key_/) as string,
        targetId: id,
        userId: 'audited',
        reason: 'showed the receipt',
        before: { user_id: null },
        after: { user_id: 'audited' },
      },
    ]);
    expect(text(answer?.body, 'audit_id')).toMatch(/^au_/);
  });

  it('200: the platform key may leave the project to the purchase', async () => {
    const { id } = await guest();
    expect((await attach(id, 'platform', adminKey)).status).toBe(200);
    expect(await shop.entitled('platform')).toEqual(theme);
  });

  it('200 for one of two that claim it at the same time, 409 for the other', async () => {
    const { id } = await guest();
    const answers = await Promise.all([attach(id, 'left'), attach(id, 'right')]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
    const [left, right] = [await shop.entitled('left'), await shop.entitled('right')];
    expect([left, right].filter((values) => 'theme' in values)).toHaveLength(1);
  });

  it.each([
    ['user_id', { user_id: undefined }],
    ['reason', { reason: '' }],
    ['uid', { uid: 1 }],
  ])('400 names %s', async (path, more) => {
    expect(await attach('li_1', 'u', shop.key, more)).toMatchObject({
      status: 400,
      body: { errors: [{ path }] },
    });
  });

  it('401 without a key, 403 without the scope', async () => {
    const reader = await shop.service.request('POST', '/admin/projects/notes/keys', {
      key: adminKey,
      body: { name: 'reader', scopes: ['read', 'checkout'] },
    });
    const path = '/admin/purchases/li_1/attach';
    const body = { user_id: 'u' };
    expect((await shop.service.request('POST', path, { body })).status).toBe(401);
    expect(await attach('li_1', 'u', text(reader.body, 'key'))).toMatchObject({
      status: 403,
      body: { code: 'scope_missing' },
    });
  });

  it("404: another project's purchase, or a guest's of its product, looks like none", async () => {
    const unclaimed = await guest();
    const claimed = await guest();
    await attach(claimed.id, 'owner');
    const nobodys = await attach('li_nothing', 'eve', other.key);
    expect(nobodys).toMatchObject({ status: 404, body: { code: 'purchase_not_found' } });
    const rows = await auditOf(shop.service, async () => {
      for (const { id } of [unclaimed, claimed]) {
        const theirs = await attach(id, 'eve', other.key);
        expect(theirs.status).toBe(404);
        expect(sameProblem(theirs.body)).toEqual(sameProblem(nobodys.body));
      }
    });
    expect(rows).toEqual([]);
    const { user } = shop.service.deps.database.prisma;
    expect(await user.count({ where: { projectId: 'other' } })).toBe(0);
  });

  it("404: a guest's purchase of a product that no project has taken, for the platform too", async () => {
    const product = await shop.stripe.products.create({ name: 'free' });
    const price = await shop.stripe.prices.create({
      product: product.id,
      currency: 'usd',
      unit_amount: 500,
    });
    const { id } = await guest(price.id);
    for (const key of [shop.key, adminKey]) {
      expect(await attach(id, 'u', key)).toMatchObject({
        status: 404,
        body: { code: 'purchase_not_found' },
      });
    }
  });

  it('409: another user of the project has it', async () => {
    const { id } = await guest();
    await attach(id, 'first');
    expect(await attach(id, 'second')).toMatchObject({
      status: 409,
      body: { code: 'purchase_claimed' },
    });
    expect(await shop.entitled('second')).toEqual({});
  });
});

describe('GET /admin/purchases', () => {
  it("200: a guest's purchase is found by its session while it has no user", async () => {
    const { id, sessionId } = await guest();
    const before = await list(`unclaimed=true&stripe_session_id=${sessionId}`);
    expect(before).toMatchObject({
      status: 200,
      body: {
        data: [
          {
            id,
            user_id: null,
            attached: false,
            stripe_session_id: sessionId,
            stripe_price_id: shop.prices.forever,
            quantity: 1,
            amount: 1_000,
            currency: 'usd',
          },
        ],
        next_cursor: null,
      },
    });
    await attach(id, 'found');
    const after = await list(`unclaimed=true&stripe_session_id=${sessionId}`);
    expect(at(after.body, 'data')).toEqual([]);
    expect(await list('user_id=found')).toMatchObject({
      body: { data: [{ id, user_id: 'found', attached: true }] },
    });
    expect(at((await list('user_id=found&unclaimed=true')).body, 'data')).toEqual([]);
  });

  it('200: pages hold each purchase once', async () => {
    const { purchase } = shop.service.deps.database.prisma;
    const stored = await purchase.findMany({
      where: { priceId: { in: Object.values(shop.prices) } },
      orderBy: { id: 'asc' },
    });
    const listed = await allPages(shop.service, '/admin/purchases', shop.key, 3);
    expect(listed.map((row) => text(row, 'id')).sort()).toEqual(stored.map(({ id }) => id).sort());
    const [guests, users] = [
      rowsOf((await list('limit=100&unclaimed=true')).body),
      rowsOf((await list('limit=100&unclaimed=false')).body),
    ];
    expect(guests.length + users.length).toBe(listed.length);
    expect(guests.every((row) => at(row, 'user_id') === null)).toBe(true);
  });

  it("200: another project sees neither the users' nor the guests' purchases", async () => {
    await guest();
    for (const query of ['', 'unclaimed=true', 'unclaimed=false', 'user_id=ann']) {
      expect((await list(query, other.key)).body).toEqual({ data: [], next_cursor: null });
    }
  });

  it.each(['unclaimed=yes', 'user_id=', 'email=x'])(
    '400 names the parameter: ?%s',
    async (query) => {
      const answer = await list(query);
      expect(answer.status).toBe(400);
      expect(at(answer.body, 'errors', 0, 'path')).toBe(query.split('=')[0]);
    },
  );

  it("400: the platform key must name the project; 404: one that is not the key's", async () => {
    expect((await list('', adminKey)).body).toMatchObject({ code: 'project_id_required' });
    const theirs = await list('project_id=notes', other.key);
    const nobodys = await list('project_id=nothing', other.key);
    expect(theirs.status).toBe(404);
    expect(sameProblem(theirs.body)).toEqual(sameProblem(nobodys.body));
  });
});
