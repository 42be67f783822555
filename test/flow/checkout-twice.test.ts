import type Stripe from 'stripe';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { text } from '../helpers/json.ts';
import { type Shop, startShop } from '../helpers/shop.ts';
import type { TestResponse } from '../helpers/service.ts';

let shop: Shop;
let yearlyPro: string;

beforeAll(async () => {
  shop = await startShop();
  const { product } = await shop.stripe.prices.retrieve(shop.prices.pro);
  const yearly = await shop.stripe.prices.create({
    product: typeof product === 'string' ? product : product.id,
    currency: 'usd',
    unit_amount: 10_000,
    recurring: { interval: 'year' },
  });
  yearlyPro = yearly.id;
  await shop.settle();
});
afterAll(() => shop.close());
beforeEach(() => {
  shop.sandbox.faults.clear();
});

function open(userId: string, price_id: string) {
  return shop.service.request('POST', '/checkout/sessions', {
    key: shop.key,
    body: {
      user_id: userId,
      price_id,
      success_url: 'https://notes.example/ok',
      cancel_url: 'https://notes.example/no',
    },
  });
}

async function statusOf({ body }: TestResponse): Promise<Stripe.Checkout.Session['status']> {
  const { status } = await shop.stripe.checkout.sessions.retrieve(text(body, 'id'));
  return status;
}

/** Returns the outcomes of the user's intents, sorted: the test's clock stands still. */
async function intentsOf(userId: string): Promise<string[]> {
  const intents = await shop.service.deps.database.prisma.checkoutIntent.findMany({
    where: { user: { userId } },
  });
  return intents.map(({ status }) => status).sort();
}

/** The user's sessions at Stripe that can still be paid. */
async function payable(userId: string): Promise<string[]> {
  const { data } = await shop.stripe.checkout.sessions.list({ status: 'open', limit: 100 });
  return data.filter(({ metadata }) => metadata?.['user_id'] === userId).map(({ id }) => id);
}

describe('checkouts of the same at the same time', () => {
  it('leave one session that can be paid, and one of the answers leads to it', async () => {
    const answers = await Promise.all([1, 2, 3].map(() => shop.checkout('u_double', 'pro')));
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201]);
    const left = await payable('u_double');
    expect(left).toHaveLength(1);
    expect(answers.map(({ body }) => text(body, 'id'))).toContain(left[0]);
  });

  it('one that was overtaken answers with the session that took its place', async () => {
    let overtaking: TestResponse | undefined;
    const { sessions } = shop.service.deps.stripe.checkout;
    const create = sessions.create.bind(sessions);
    sessions.create = async (...args) => {
      sessions.create = create;
      const made = await create(...args);
      overtaking = await shop.checkout('u_overtaken', 'pro');
      return made;
    };
    const overtaken = await shop.checkout('u_overtaken', 'pro');
    expect(overtaken).toMatchObject({ status: 201, body: overtaking?.body });
    expect(await payable('u_overtaken')).toEqual([text(overtaken.body, 'id')]);
  });
});

describe('an older session', () => {
  it('that was just paid, its webhook still on the way, is a live subscription already', async () => {
    await shop.buy('u_paid', 'pro');
    expect(await shop.checkout('u_paid', 'pro')).toMatchObject({
      status: 409,
      body: { code: 'already_subscribed' },
    });
    expect(await payable('u_paid')).toEqual([]);
    expect(await intentsOf('u_paid')).toEqual(['completed', 'failed']);
    expect(await shop.entitled('u_paid')).toEqual({ export: true, notebooks: 10 });
  });

  it('of a one-time price that was paid does not keep the buyer from buying again', async () => {
    await shop.buy('u_again', 'pass');
    expect((await shop.checkout('u_again', 'pass')).status).toBe(201);
    expect(await intentsOf('u_again')).toEqual(['completed', 'open']);
  });

  it('for another price of the product can no longer be paid: both would be two subscriptions', async () => {
    const monthly = await shop.checkout('u_yearly', 'pro');
    const yearly = await open('u_yearly', yearlyPro);
    expect(await Promise.all([monthly, yearly].map(statusOf))).toEqual(['expired', 'open']);
  });

  it('for another product stays open, and so does one of another user', async () => {
    const other = await shop.checkout('u_browsing', 'team');
    const others = await shop.checkout('u_somebody', 'pro');
    await shop.checkout('u_browsing', 'pro');
    expect(await Promise.all([other, others].map(statusOf))).toEqual(['open', 'open']);
  });

  it('that Stripe ended is left unchanged', async () => {
    const ended = await shop.checkout('u_slow', 'pro');
    await shop.sandbox.buyer.expire(text(ended.body, 'id'));
    expect((await shop.checkout('u_slow', 'pro')).status).toBe(201);
    expect(await intentsOf('u_slow')).toEqual(['expired', 'open']);
  });

  it('that Stripe does not know does not keep the user from buying', async () => {
    const opened = await shop.checkout('u_other_key', 'pro');
    await shop.service.deps.database.prisma.checkoutIntent.update({
      where: { sessionId: text(opened.body, 'id') },
      data: { sessionId: 'cs_of_another_account' },
    });
    expect((await shop.checkout('u_other_key', 'pro')).status).toBe(201);
  });
});

describe('two clicks, the one between two steps of the other', () => {
  it('leave one session that can be paid, wherever the first one is', async () => {
    const { deps } = shop.service;
    const made = Promise.withResolvers<undefined>();
    const mayGo = Promise.withResolvers<undefined>();
    const { sessions } = deps.stripe.checkout;
    const create = sessions.create.bind(sessions);
    const held = vi.spyOn(sessions, 'create').mockImplementationOnce(async (...params) => {
      const session = await create(...params);
      made.resolve(undefined);
      await mayGo.promise;
      return session;
    });
    const first = shop.checkout('u_overtaken', 'pro');
    await made.promise;
    // A lock on the first one's row stretches the moment in which the second one looks at it.
    const blocker = await deps.database.pool.connect();
    await blocker.query('begin');
    await blocker.query('select from checkout_intents for update');
    const waiting = async (): Promise<number> =>
      (await blocker.query('select from pg_locks where not granted')).rows.length;
    mayGo.resolve(undefined);
    await vi.waitUntil(async () => (await waiting()) === 1);
    const second = shop.checkout('u_overtaken', 'pro');
    await vi.waitUntil(async () => (await waiting()) === 2);
    await blocker.query('commit');
    blocker.release();
    await Promise.all([first, second]);
    held.mockRestore();
    expect(await payable('u_overtaken')).toHaveLength(1);
  });
});

describe('a session whose time is up by the clock', () => {
  it('may have been paid, though no event has arrived: it is not sold again', async () => {
    await shop.buy('u_late', 'pro');
    await shop.advanceTo(shop.service.clock.now() + 24 * 3_600_000 + 301_000);
    expect(await shop.checkout('u_late', 'pro')).toMatchObject({
      status: 409,
      body: { code: 'already_subscribed' },
    });
  });
});

describe('Stripe fails', () => {
  it('while the older session is closed: no second one is opened, and another try works', async () => {
    const older = await shop.checkout('u_stuck', 'pro');
    shop.sandbox.faults.api({ path: /\/expire$/, status: 500 });
    expect(await shop.checkout('u_stuck', 'pro')).toMatchObject({
      status: 502,
      body: { code: 'stripe_unavailable' },
    });
    expect(await payable('u_stuck')).toEqual([text(older.body, 'id')]);
    expect(await intentsOf('u_stuck')).toEqual(['failed', 'open']);
    shop.sandbox.faults.clear();
    const retried = await shop.checkout('u_stuck', 'pro');
    expect(await payable('u_stuck')).toEqual([text(retried.body, 'id')]);
  });

  it('while the customer is made: the intent failed, and another try makes only one', async () => {
    shop.sandbox.faults.api({ path: '/v1/customers', method: 'POST', status: 429 });
    expect(await shop.checkout('u_first', 'pro')).toMatchObject({
      status: 502,
      body: { code: 'stripe_unavailable' },
    });
    expect(await intentsOf('u_first')).toEqual(['failed']);
    shop.sandbox.faults.clear();
    expect((await shop.checkout('u_first', 'pro')).status).toBe(201);
    const { data } = await shop.stripe.customers.list({ limit: 100 });
    expect(data.filter(({ metadata }) => metadata['user_id'] === 'u_first')).toHaveLength(1);
  });
});
