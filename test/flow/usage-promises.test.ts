import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildApp } from '../../src/app.ts';
import type { App } from '../../src/http/app-types.ts';
import { at, text } from '../helpers/json.ts';
import { meteredApp, type MeteredApp } from '../helpers/metered.ts';
import { requestTo } from '../helpers/service.ts';
import { type Shop, startShop } from '../helpers/shop.ts';

/* What docs/usage.md promises: the cases in which other systems lose, restore or give away units. */

const repository = path.resolve(import.meta.dirname, '../..');
const day = 86_400_000;

let shop: Shop;
let app: MeteredApp;
let second: App;
let other: MeteredApp;

beforeAll(async () => {
  shop = await startShop();
  app = await meteredApp(shop.service, shop.key);
  second = await buildApp(shop.service.deps);
  other = await meteredApp({ request: requestTo(second) }, shop.key);
  const rollover = { max: 30, periods: 1 };
  await maps('pro', { amount: 100, every: 'period', rollover });
  await maps('team', { amount: 500, every: 'period' });
  await maps('forever', { amount: 50 });
});
afterAll(async () => {
  await second.close();
  await shop.close();
});

/** Says how many credits a price gives. */
async function maps(price: keyof Shop['prices'], credits: object): Promise<void> {
  const body = { features: { credits } };
  const { status } = await app.send('PUT', `/admin/prices/${shop.prices[price]}`, body);
  expect(status).toBe(200);
  await shop.settle();
}

async function buys(user: string, price: keyof Shop['prices']): Promise<void> {
  await shop.buy(user, price);
  await shop.settle();
}

async function changesTo(user: string, price: keyof Shop['prices']): Promise<void> {
  const subscription = await shop.subscriptionOf(user);
  await shop.stripe.subscriptions.update(subscription.id, {
    items: [{ id: subscription.items.data[0]?.id ?? '', price: shop.prices[price] }],
  });
  await shop.settle();
}

describe('metered features', () => {
  it('a wiped cache restores no spent unit', async () => {
    await buys('u_wipe', 'forever');
    await app.consume('u_wipe', 48);
    await app.send('GET', '/entitlements?user_id=u_wipe');
    const { redis } = shop.service.deps;
    const keys = (await redis?.keys('latchkey:*:u_wipe')) ?? [];
    expect(keys).not.toEqual([]);
    await redis?.del(...keys);
    expect(await app.usage('u_wipe')).toMatchObject({ used: 48, balance: 2 });
    expect((await app.consume('u_wipe', 3)).body).toMatchObject({
      ...{ allowed: false, reason: 'limit_reached', balance: 2 },
    });
  });

  it('a top-up survives a subscription that begins, renews and ends', async () => {
    await buys('u_top', 'forever');
    await app.consume('u_top', 10);
    await buys('u_top', 'pro');
    expect(await app.usage('u_top')).toMatchObject({ granted: 150, used: 10, balance: 140 });
    // The plan's units end first, so they are used first.
    await app.consume('u_top', 100);
    expect(await app.usage('u_top')).toMatchObject({
      balance: 40,
      buckets: [
        { amount: 100, used: 100 },
        { amount: 50, used: 10 },
      ],
    });
    const renewal = Date.parse(text(await app.usage('u_top'), 'resets_at'));
    await shop.advanceTo(renewal);
    await shop.settle();
    expect(await app.usage('u_top')).toMatchObject({ balance: 140 });
    const { id } = await shop.subscriptionOf('u_top');
    await shop.stripe.subscriptions.cancel(id);
    await shop.settle();
    expect(await app.usage('u_top')).toMatchObject({ granted: 50, used: 10, balance: 40 });
  });

  it('an edited product changes amounts, and neither usage nor top-ups', async () => {
    await buys('u_edit', 'pro');
    await buys('u_edit', 'forever');
    await app.consume('u_edit', 110);
    await maps('pro', { amount: 120, every: 'period', rollover: { max: 30, periods: 1 } });
    expect(await app.usage('u_edit')).toMatchObject({
      ...{ granted: 170, used: 110, balance: 60 },
      buckets: [
        { amount: 120, used: 100 },
        { amount: 50, used: 10 },
      ],
    });
    await maps('pro', { amount: 100, every: 'period', rollover: { max: 30, periods: 1 } });
    expect(await app.usage('u_edit')).toMatchObject({ used: 110, balance: 40 });
  });

  it('unused units roll over at the renewal, at most as many as the plan says', async () => {
    for (const [user, used, rolledOver] of [
      ['u_roll_1', 80, 20],
      ['u_roll_2', 40, 30],
    ] as const) {
      await buys(user, 'pro');
      await app.consume(user, used);
      const renewal = Date.parse(text(await app.usage(user), 'resets_at'));
      await shop.advanceTo(renewal);
      await shop.settle();
      expect(await app.usage(user)).toMatchObject({
        ...{ used: 0, balance: 100 + rolledOver },
        buckets: [{ amount: 100, rolled_over: rolledOver }],
      });
    }
  });

  it('who upgrades, spends and downgrades has spent', async () => {
    await buys('u_swing', 'pro');
    await app.consume('u_swing', 80);
    await changesTo('u_swing', 'team');
    expect(await app.usage('u_swing')).toMatchObject({ granted: 500, used: 80, balance: 420 });
    await app.consume('u_swing', 400);
    await changesTo('u_swing', 'pro');
    expect(await app.usage('u_swing')).toMatchObject({ granted: 100, used: 480, balance: -380 });
    expect((await app.consume('u_swing', 1)).body).toMatchObject({ reason: 'limit_reached' });
    // Upgrading once more gives what the larger plan still has, and not 500 fresh units.
    await changesTo('u_swing', 'team');
    expect(await app.usage('u_swing')).toMatchObject({ granted: 500, used: 480, balance: 20 });
  });

  it('the last unit is given once, whichever instances are asked at once', async () => {
    await app.grant('u_last', { amount: 1 });
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, nth) => (nth % 2 === 0 ? app : other).consume('u_last', 1)),
    );
    expect(answers.filter(({ body }) => at(body, 'allowed') === true)).toHaveLength(1);
    expect(await other.usage('u_last')).toMatchObject({ used: 1, balance: 0 });
  });

  it('a use is in the balance at once, on every instance', async () => {
    await app.grant('u_fresh', { amount: 20 });
    for (let used = 1; used <= 20; used += 1) {
      const [writer, reader] = used % 2 === 0 ? [app, other] : [other, app];
      await writer.consume('u_fresh', 1);
      expect(await reader.usage('u_fresh')).toMatchObject({ used, balance: 20 - used });
    }
  });

  it('months are counted from the first day, and end with short months without drifting', async () => {
    const from = '2027-01-31T10:00:00.000Z';
    await app.grant('u_month', { amount: 10, every: 'month' }, { valid_from: from });
    const resets = [from];
    while (resets.length < 6) {
      const { body } = await app.send('GET', `/usage?user_id=u_month&at=${resets.at(-1)}`);
      resets.push(text(body, 'data', '0', 'resets_at'));
    }
    const days = ['01-31', '02-28', '03-31', '04-30', '05-31', '06-30'];
    expect(resets).toEqual(days.map((each) => `2027-${each}T10:00:00.000Z`));
  });

  it('a new period begins on time, whether or not Stripe has reported the renewal', async () => {
    await buys('u_late', 'pro');
    await app.consume('u_late', 100);
    const renewal = Date.parse(text(await app.usage('u_late'), 'resets_at'));
    shop.service.clock.set(renewal - 1);
    expect((await app.consume('u_late', 1)).body).toMatchObject({ reason: 'limit_reached' });
    // Stripe's clock stands still: no webhook tells of the renewal.
    shop.service.clock.set(renewal);
    expect((await app.consume('u_late', 1)).body).toMatchObject({ allowed: true, balance: 99 });
    await shop.advanceTo(renewal + day);
    await shop.settle();
    expect(await app.usage('u_late')).toMatchObject({ used: 1, balance: 99 });
  });
});

describe('docs/usage.md', () => {
  it('names only tests that exist', async () => {
    const page = await readFile(path.join(repository, 'docs/usage.md'), 'utf8');
    const named = [...page.matchAll(/“([^”]+)” \(`(test\/[^`]+)`\)/g)];
    expect(named.length).toBeGreaterThanOrEqual(12);
    for (const [, title = '', file = ''] of named) {
      const source = await readFile(path.join(repository, file), 'utf8');
      expect(source.match(/\(\s*'[^']+',/g)?.map((call) => call.split("'")[1])).toContain(title);
    }
    // Every test of this file is on the page.
    const own = await readFile(import.meta.filename, 'utf8');
    for (const [, title] of own.matchAll(/^ {2}it\('([^']+)', async/gm)) {
      if (title !== 'names only tests that exist') expect(page).toContain(`“${title}”`);
    }
  });
});
