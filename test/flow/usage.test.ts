import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildApp } from '../../src/app.ts';
import type { App } from '../../src/http/app-types.ts';
import { at, text } from '../helpers/json.ts';
import { meteredApp, type MeteredApp } from '../helpers/metered.ts';
import { requestTo, startTestService, type TestService } from '../helpers/service.ts';
import { type Shop, startShop } from '../helpers/shop.ts';

const day = 86_400_000;

describe('two instances', () => {
  let service: TestService;
  let second: App;
  let apps: MeteredApp[];

  beforeAll(async () => {
    service = await startTestService();
    const { key } = await service.createProject('notes');
    second = await buildApp(service.deps);
    apps = [await meteredApp(service, key), await meteredApp({ request: requestTo(second) }, key)];
  });
  afterAll(async () => {
    await second.close();
    await service.close();
  });

  const appOf = (number: number): MeteredApp => {
    const app = apps[number % apps.length];
    if (app === undefined) throw new Error('no instance');
    return app;
  };

  /** The used units of a user by the buckets and by the entries. */
  async function sums(userId: string): Promise<unknown> {
    const { rows } = await service.deps.database.pool.query(
      `select
         (select sum(used) from usage_buckets b where b.uid = u.uid)::int as buckets,
         (select sum(amount) from usage_entries e where e.uid = u.uid and kind <> 'hold')::int as entries
       from users u where user_id = $1`,
      [userId],
    );
    return rows[0];
  }

  it('never use more than is granted, and count each key once', async () => {
    await appOf(0).grant('u_hot', { amount: 100 });
    const body = { user_id: 'u_hot', feature_code: 'credits', amount: 1 };
    const answers = await Promise.all(
      Array.from({ length: 450 }, async (_, number) => {
        const key = `hot_${number % 150}`;
        const instance = appOf(number + Math.floor(number / 150)); // another one for each repetition
        return { key, body: (await instance.post('/usage/consume', body, key)).body };
      }),
    );
    const byKey = Map.groupBy(answers, ({ key }) => key);
    expect(byKey.size).toBe(150);
    for (const same of byKey.values()) {
      for (const one of same) expect(one.body).toEqual(same[0]?.body);
    }
    const allowed = [...byKey.values()].filter(([one]) => at(one?.body, 'allowed') === true);
    expect(allowed).toHaveLength(100);
    expect(await sums('u_hot')).toEqual({ buckets: 100, entries: 100 });
    expect(await appOf(1).usage('u_hot')).toMatchObject({ used: 100, balance: 0 });
  });

  it('give one key to one user, however many ask at once', async () => {
    const users = Array.from({ length: 12 }, (_, number) => `u_same_${number}`);
    for (const user of users) await appOf(0).grant(user, { amount: 5 });
    const answers = await Promise.all(
      users.map((user, number) =>
        appOf(number).post('/usage/consume', { user_id: user, feature_code: 'credits' }, 'same'),
      ),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(11);
    const used = await Promise.all(users.map((user) => appOf(0).usage(user)));
    expect(used.filter((usage) => at(usage, 'used') === 1)).toHaveLength(1);
  });

  it('settle a hold and reverse an entry once, however many ask at once', async () => {
    await appOf(0).grant('u_once', { amount: 10 });
    const consumed = await appOf(0).consume('u_once', 4);
    const held = await appOf(0).post('/usage/holds', {
      ...{ user_id: 'u_once', feature_code: 'credits', amount: 5, expires_in_seconds: 60 },
    });
    const entry = text(consumed.body, 'entry_id');
    const hold = text(held.body, 'hold_id');
    const numbers = Array.from({ length: 8 }, (_, number) => number);
    const settled = await Promise.all(
      numbers.map((number) => appOf(number).post(`/usage/holds/${hold}/settle`, { amount: 3 })),
    );
    const reversed = await Promise.all(
      numbers.map((number) =>
        appOf(number).post(`/usage/entries/${entry}/reverse`, { reason: 'a test' }),
      ),
    );
    for (const one of settled) expect(one.body).toEqual(settled[0]?.body);
    for (const one of reversed) expect(one.body).toEqual(reversed[0]?.body);
    expect(await appOf(1).usage('u_once')).toMatchObject({ used: 3, held: 0, balance: 7 });
    expect(await sums('u_once')).toEqual({ buckets: 3, entries: 3 });
  });

  it('serve other users while one is locked, and refuse that one with a 503', async () => {
    const users = ['u_free_1', 'u_stuck', 'u_free_2', 'u_free_3', 'u_free_4'];
    for (const user of users) {
      await appOf(0).grant(user, { amount: 5 });
      await appOf(0).consume(user, 1);
    }
    const client = await service.deps.database.pool.connect();
    try {
      await client.query('begin');
      await client.query(
        `select from usage_users where uid = (select uid from users where user_id = 'u_stuck')
         for update`,
      );
      const answers = await Promise.all(users.map((user) => appOf(0).consume(user, 1)));
      expect(answers.map(({ status }) => status)).toEqual([200, 503, 200, 200, 200]);
    } finally {
      await client.query('rollback');
      client.release();
    }
    expect((await appOf(0).consume('u_stuck', 1)).body).toMatchObject({ balance: 3 });
  });
});

describe('with subscriptions', () => {
  let shop: Shop;
  let app: MeteredApp;

  beforeAll(async () => {
    shop = await startShop();
    app = await meteredApp(shop.service, shop.key);
    const monthly = { amount: 100, every: 'period', rollover: { max: 30, periods: 1 } };
    const put = await app.send('PUT', `/admin/prices/${shop.prices.pro}`, {
      features: { credits: monthly },
    });
    expect(put.status).toBe(200);
    const team = await app.send('PUT', `/admin/prices/${shop.prices.team}`, {
      features: { credits: { amount: 500, every: 'period' } },
    });
    expect(team.status).toBe(200);
  });
  afterAll(() => shop.close());

  it('a new period needs no job, and carries over what was left by the amount of its time', async () => {
    await shop.buy('u_roll', 'pro');
    await shop.settle();
    await app.consume('u_roll', 80);
    const before = await app.usage('u_roll');
    expect(before).toMatchObject({ granted: 100, used: 80, balance: 20 });
    const end = Date.parse(text(before, 'resets_at'));
    shop.service.clock.set(end - 1);
    await app.send('PUT', `/admin/prices/${shop.prices.pro}`, {
      features: { credits: { amount: 90, every: 'period', rollover: { max: 30, periods: 1 } } },
    });
    await shop.settle();
    expect(await app.usage('u_roll')).toMatchObject({ granted: 90, used: 80, balance: 10 });
    shop.service.clock.set(end);
    await app.send('PUT', `/admin/prices/${shop.prices.pro}`, {
      features: { credits: { amount: 1_000, every: 'period', rollover: { max: 30, periods: 1 } } },
    });
    await shop.settle();
    expect(await app.usage('u_roll')).toMatchObject({
      ...{ granted: 1_000, used: 0, balance: 1_010 },
      buckets: [{ amount: 1_000, rolled_over: 10, used: 0 }],
    });
  });

  it('an item that joins later renews with its subscription', async () => {
    await shop.buy('u_join', 'pro');
    await shop.settle();
    const first = await app.usage('u_join');
    const { id } = await shop.subscriptionOf('u_join');
    await shop.advanceTo(shop.service.clock.now() + 10 * day);
    await shop.stripe.subscriptionItems.create({ subscription: id, price: shop.prices.team });
    await shop.settle();
    const resets = text(first, 'resets_at');
    expect(await app.usage('u_join')).toMatchObject({
      ...{ resets_at: resets },
      buckets: [{ to: resets }, { to: resets }],
    });
  });

  it('a refund takes its units away at once; the ledger keeps what was used', async () => {
    await app.send('PUT', `/admin/prices/${shop.prices.forever}`, {
      features: { credits: { amount: 50 } },
    });
    await shop.buy('u_refund', 'forever');
    await shop.settle();
    expect((await app.consume('u_refund', 20)).body).toMatchObject({ balance: 30 });
    const { id: charge } = await shop.chargeOf('u_refund');
    await shop.stripe.refunds.create({ charge });
    await shop.settle();
    expect((await app.consume('u_refund', 1)).body).toMatchObject({
      ...{ allowed: false, reason: 'expired', balance: 0 },
    });
    const { body } = await app.send('GET', '/usage/entries?user_id=u_refund');
    expect(at(body, 'data')).toMatchObject([{ kind: 'consume', amount: 20 }]);
  });
});
