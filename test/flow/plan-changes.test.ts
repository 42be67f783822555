import type Stripe from 'stripe';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { buildApp } from '../../src/app.ts';
import type { App } from '../../src/http/app-types.ts';
import { at, text } from '../helpers/json.ts';
import { type Shop, startShop } from '../helpers/shop.ts';

/* A user's plan changes, and its price holds. */

let shop: Shop;
let secondInstance: App;
let yearly: string;
let users = 0;

beforeAll(async () => {
  shop = await startShop();
  secondInstance = await buildApp(shop.service.deps);
  const { product } = await shop.stripe.prices.retrieve(shop.prices.team);
  const price = await shop.stripe.prices.create({
    product: typeof product === 'string' ? product : product.id,
    currency: 'usd',
    unit_amount: 20_000,
    recurring: { interval: 'year' },
  });
  yearly = price.id;
  await shop.settle();
});
afterAll(async () => {
  await secondInstance.close();
  await shop.close();
});

const dayMs = 86_400_000;

interface Subscriber {
  user: string;
  id: string;
  customer: string;
}

async function subscribe(): Promise<Subscriber> {
  const user = `u_${(users += 1)}`;
  await shop.buy(user, 'pro');
  await shop.settle();
  const { id } = await shop.subscriptionOf(user);
  await shop.advanceTo(shop.service.clock.now() + 10 * dayMs);
  await shop.settle();
  return { user, id, customer: await shop.customerOf(user) };
}

function ask({ user, id }: Subscriber, deed: string, body: object = {}) {
  return shop.service.request('POST', `/subscriptions/${id}/${deed}`, {
    key: shop.key,
    body: { user_id: user, ...body },
  });
}

/** Costs more than `pro`, of which `team` alone has the price. */
const toThreeTeams = () => ({ price_id: shop.prices.team, quantity: 3, when: 'now' });

const toTeam = () => ({ price_id: shop.prices.team, when: 'now' });

async function listed({ user }: Subscriber): Promise<unknown[]> {
  const answer = await shop.service.request('GET', `/subscriptions?user_id=${user}`, {
    key: shop.key,
  });
  const list: unknown = answer.body;
  if (!Array.isArray(list)) throw new Error(JSON.stringify(list));
  return list.map((one: unknown) => one);
}

function invoicesOf({ id }: Subscriber): Promise<Stripe.Invoice[]> {
  return shop.stripe.invoices
    .list({ subscription: id, limit: 100 })
    .then(({ data }) => data.filter(({ billing_reason: why }) => why === 'subscription_update'));
}

async function auditOf({ user }: Subscriber): Promise<string[]> {
  const rows = await shop.service.deps.database.prisma.auditEntry.findMany({
    where: { userId: user, targetType: 'subscription' },
    orderBy: { number: 'asc' },
  });
  return rows.map(({ action }) => action);
}

describe('a change that is made now', () => {
  it('costs what its preview said minutes before, and is applied when it answers', async () => {
    const subscriber = await subscribe();
    const preview = await ask(subscriber, 'preview', toTeam());
    expect(preview).toMatchObject({
      status: 200,
      body: {
        currency: 'usd',
        entitlements: {
          gained: ['theme'],
          lost: [],
          changed: [{ feature_code: 'notebooks', from: 10, to: 'unlimited' }],
        },
      },
    });
    await shop.advanceTo(shop.service.clock.now() + 9 * 60_000);
    const preview_token = text(preview.body, 'preview_token');
    const changed = await ask(subscriber, 'change', { ...toTeam(), preview_token });
    const [invoice] = await invoicesOf(subscriber);
    expect(changed).toMatchObject({
      status: 200,
      body: {
        subscription: { id: subscriber.id, items: [{ price_id: shop.prices.team, quantity: 1 }] },
        invoice_id: invoice?.id,
      },
    });
    expect(invoice?.amount_due).toBe(at(preview.body, 'due_now'));
    expect(await shop.entitled(subscriber.user)).toEqual({
      export: true,
      notebooks: 'unlimited',
      theme: { dark: true },
    });
    expect(await auditOf(subscriber)).toEqual(['subscription.preview', 'subscription.change']);
  });

  it('clicked twice, on two instances, is one change with one invoice', async () => {
    const subscriber = await subscribe();
    const { body } = await ask(subscriber, 'preview', { quantity: 4, when: 'now' });
    const payload = {
      user_id: subscriber.user,
      quantity: 4,
      when: 'now',
      preview_token: text(body, 'preview_token'),
    };
    const click = (app: App) =>
      app.inject({
        method: 'POST',
        url: `/api/v1/subscriptions/${subscriber.id}/change`,
        headers: { authorization: `Bearer ${shop.key}` },
        payload,
      });
    const answers = await Promise.all([click(shop.service.app), click(secondInstance)]);
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200]);
    const invoices = await invoicesOf(subscriber);
    expect(invoices).toHaveLength(1);
    const later = await click(secondInstance);
    for (const answer of [...answers, later]) {
      expect(answer.json()).toMatchObject({
        invoice_id: invoices[0]?.id,
        payment: 'paid',
        subscription: { items: [{ quantity: 4 }] },
      });
    }
    expect(await invoicesOf(subscriber)).toHaveLength(1);
  });

  it('whose process died after Stripe made it, is finished by the next click', async () => {
    const subscriber = await subscribe();
    const { subscriptions } = shop.service.deps.stripe;
    const update = subscriptions.update.bind(subscriptions);
    const dies = vi.spyOn(subscriptions, 'update').mockImplementationOnce(async (...args) => {
      await update(...args);
      throw new Error('the process is dead');
    });
    expect((await ask(subscriber, 'change', toTeam())).status).toBe(500);
    dies.mockRestore();
    const again = await ask(subscriber, 'change', toTeam());
    const invoices = await invoicesOf(subscriber);
    expect(invoices).toHaveLength(1);
    expect(again).toMatchObject({
      status: 200,
      body: {
        invoice_id: invoices[0]?.id,
        subscription: { items: [{ price_id: shop.prices.team }] },
      },
    });
    expect(await shop.entitled(subscriber.user)).toMatchObject({ notebooks: 'unlimited' });
  });

  it('back and forth without invoices is made each time', async () => {
    const subscriber = await subscribe();
    for (const quantity of [2, 1, 2, 1]) {
      const body = { quantity, when: 'now', proration: 'none' };
      expect(await ask(subscriber, 'change', body)).toMatchObject({
        body: { payment: 'none', invoice_id: null, subscription: { items: [{ quantity }] } },
      });
    }
  });

  it('to less is credit, which the next invoice uses', async () => {
    const subscriber = await subscribe();
    await ask(subscriber, 'change', { quantity: 5, when: 'now' });
    const preview = await ask(subscriber, 'preview', { quantity: 1, when: 'now' });
    expect(preview.body).toMatchObject({ due_now: 0, next_invoice: { total: 1_000 } });
    expect(Number(at(preview.body, 'credit'))).toBeGreaterThan(0);
    const changed = await ask(subscriber, 'change', { quantity: 1, when: 'now' });
    expect(changed.body).toMatchObject({ payment: 'none' });
    const customer = await shop.stripe.customers.retrieve(subscriber.customer);
    expect(customer).toMatchObject({ balance: -Number(at(preview.body, 'credit')) });
  });

  it('of the interval begins a year, and the next invoice is at its end', async () => {
    const subscriber = await subscribe();
    const preview = await ask(subscriber, 'preview', { price_id: yearly, when: 'now' });
    const inAYear = new Date(shop.service.clock.now());
    inAYear.setUTCFullYear(inAYear.getUTCFullYear() + 1);
    expect(preview.body).toMatchObject({
      next_invoice: { at: inAYear.toISOString(), total: 20_000 },
    });
    expect(Number(at(preview.body, 'due_now'))).toBeGreaterThan(19_000);
  });
});

describe('a payment that fails', () => {
  it('leaves the old plan and its access, and says where to pay', async () => {
    const subscriber = await subscribe();
    await shop.sandbox.billing.failNextPayments(subscriber.customer, true);
    const declined = await ask(subscriber, 'change', toThreeTeams());
    const [invoice] = await invoicesOf(subscriber);
    expect(declined).toMatchObject({
      status: 200,
      body: {
        payment: 'action_required',
        action_url: invoice?.hosted_invoice_url,
        subscription: {
          status: 'active',
          items: [{ price_id: shop.prices.pro }],
          pending_update: { items: [{ price_id: shop.prices.team, quantity: 3 }] },
        },
      },
    });
    expect(await shop.entitled(subscriber.user)).toEqual({ export: true, notebooks: 10 });
    expect((await ask(subscriber, 'change', toThreeTeams())).body).toMatchObject({
      invoice_id: invoice?.id,
      payment: 'action_required',
    });
    expect(await invoicesOf(subscriber)).toHaveLength(1);
    await shop.sandbox.billing.payOpenInvoice(invoice?.id ?? '');
    await shop.settle();
    expect(await shop.entitled(subscriber.user)).toMatchObject({ notebooks: 'unlimited' });
  });

  it('because the customer never authenticates, leaves nothing after a day', async () => {
    const subscriber = await subscribe();
    await shop.sandbox.billing.requireAuthentication(subscriber.customer, true);
    expect((await ask(subscriber, 'change', toThreeTeams())).body).toMatchObject({
      payment: 'action_required',
    });
    await shop.advanceTo(shop.service.clock.now() + dayMs);
    await shop.settle();
    const [subscription] = await listed(subscriber);
    expect(subscription).toMatchObject({
      status: 'active',
      items: [{ price_id: shop.prices.pro }],
    });
    expect(subscription).not.toHaveProperty('pending_update');
    expect(await shop.entitled(subscriber.user)).toEqual({ export: true, notebooks: 10 });
    expect((await invoicesOf(subscriber)).map(({ status }) => status)).toEqual(['void']);
  });

  it('of a change with a promotion code changes nothing, not even the discount', async () => {
    const subscriber = await subscribe();
    const coupon = await shop.stripe.coupons.create({ percent_off: 50, duration: 'forever' });
    const { code } = await shop.stripe.promotionCodes.create({
      promotion: { type: 'coupon', coupon: coupon.id },
    });
    const change = { quantity: 5, when: 'now', promotion_code: code };
    await shop.sandbox.billing.failNextPayments(subscriber.customer, true);
    expect(await ask(subscriber, 'change', change)).toMatchObject({
      status: 402,
      body: { code: 'payment_failed' },
    });
    expect((await shop.subscriptionOf(subscriber.user)).discounts).toEqual([]);
    await shop.sandbox.billing.failNextPayments(subscriber.customer, false);
    const preview = await ask(subscriber, 'preview', change);
    const preview_token = text(preview.body, 'preview_token');
    expect((await ask(subscriber, 'change', { ...change, preview_token })).status).toBe(200);
    const [invoice] = await invoicesOf(subscriber);
    expect(invoice?.amount_due).toBe(at(preview.body, 'due_now'));
  });
});

describe('a change at the end of the period', () => {
  it('is shown as scheduled, and takes effect by itself', async () => {
    const subscriber = await subscribe();
    const change = { price_id: shop.prices.team, when: 'period_end' };
    const preview = await ask(subscriber, 'preview', change);
    const [before] = await listed(subscriber);
    expect(preview.body).toMatchObject({
      due_now: 0,
      next_invoice: { at: text(before, 'current_period_end'), total: 1_000 },
      entitlements: { gained: ['theme'] },
    });
    for (const click of ['first', 'second']) {
      expect((await ask(subscriber, 'change', change)).body, click).toMatchObject({
        payment: 'none',
        subscription: {
          items: [{ price_id: shop.prices.pro }],
          scheduled: {
            items: [{ price_id: shop.prices.team, quantity: 1 }],
            at: text(before, 'current_period_end'),
          },
        },
      });
    }
    expect(await shop.entitled(subscriber.user)).toEqual({ export: true, notebooks: 10 });
    await shop.advanceTo(Date.parse(text(before, 'current_period_end')));
    await shop.settle();
    expect(await shop.entitled(subscriber.user)).toMatchObject({ notebooks: 'unlimited' });
    const [after] = await listed(subscriber);
    expect(after).not.toHaveProperty('scheduled');
  });

  it('can be taken back, and a cancellation releases it', async () => {
    const subscriber = await subscribe();
    const change = { price_id: shop.prices.team, when: 'period_end' };
    await ask(subscriber, 'change', change);
    const resumed = await ask(subscriber, 'resume');
    expect(at(resumed.body, 'subscription')).not.toHaveProperty('scheduled');
    await ask(subscriber, 'change', change);
    const canceled = await ask(subscriber, 'cancel', { when: 'period_end' });
    expect(at(canceled.body, 'subscription')).not.toHaveProperty('scheduled');
    const end = text(canceled.body, 'subscription', 'cancel_at');
    expect(end).toBe(text(canceled.body, 'subscription', 'current_period_end'));
    expect((await ask(subscriber, 'resume')).body).toMatchObject({
      subscription: { cancel_at: null },
    });
    await shop.advanceTo(Date.parse(end) + dayMs);
    await shop.settle();
    expect(await shop.entitled(subscriber.user)).toEqual({ export: true, notebooks: 10 });
  });
});

it('a cancellation now ends the access before it answers, and is the same when repeated', async () => {
  const subscriber = await subscribe();
  for (const click of ['first', 'second']) {
    expect(await ask(subscriber, 'cancel', { when: 'now' }), click).toMatchObject({
      status: 200,
      body: { subscription: { status: 'canceled' }, entitlements: [] },
    });
  }
  expect(await listed(subscriber)).toEqual([]);
  expect((await ask(subscriber, 'change', toTeam())).status).toBe(404);
});

it('a subscription of another user looks like a missing one', async () => {
  const [mine, other] = [await subscribe(), await subscribe()];
  for (const deed of ['preview', 'change', 'cancel', 'resume']) {
    const body = deed === 'resume' ? {} : deed === 'cancel' ? { when: 'now' } : toTeam();
    const foreign = await ask({ ...mine, id: other.id }, deed, body);
    expect(foreign).toMatchObject({ status: 404, body: { code: 'subscription_not_found' } });
  }
  expect(await auditOf(other)).toEqual([]);
});

it('a plan of a group replaces the plan of its group, and another live one of it is in the way', async () => {
  const subscriber = await subscribe();
  const productOf = async (price: string): Promise<string> => {
    const { product } = await shop.stripe.prices.retrieve(price);
    return typeof product === 'string' ? product : product.id;
  };
  const pro = await productOf(shop.prices.pro);
  const team = await productOf(shop.prices.team);
  const groupOf = (product: string, group: string | null) =>
    shop.service.request('PUT', `/admin/products/${product}`, {
      key: shop.key,
      body: { group },
    });
  const other = await shop.stripe.prices.create({
    currency: 'usd',
    unit_amount: 100,
    recurring: { interval: 'month' },
    product_data: { name: 'Extra' },
  });
  await shop.stripe.subscriptionItems.create({ subscription: subscriber.id, price: other.id });
  await shop.settle();
  expect((await ask(subscriber, 'preview', toTeam())).status).toBe(400);
  await groupOf(pro, 'main');
  await groupOf(team, 'main');
  expect((await ask(subscriber, 'change', toTeam())).body).toMatchObject({
    subscription: { items: [{ price_id: shop.prices.team }, { price_id: other.id }] },
  });
  const second = await shop.stripe.subscriptions.create({
    customer: subscriber.customer,
    items: [{ price: other.id }],
  });
  await shop.settle();
  expect(await ask({ ...subscriber, id: second.id }, 'change', toTeam())).toMatchObject({
    status: 409,
    body: { code: 'already_subscribed', subscription_id: subscriber.id },
  });
  await groupOf(pro, null);
  await groupOf(team, null);
});

it('a token holds for ten minutes and for its request only', async () => {
  const subscriber = await subscribe();
  const { body } = await ask(subscriber, 'preview', toTeam());
  const preview_token = text(body, 'preview_token');
  const code = async (change: object) => at((await ask(subscriber, 'change', change)).body, 'code');
  expect(await code({ ...toTeam(), quantity: 2, preview_token })).toBe('preview_mismatch');
  expect(await code({ ...toTeam(), preview_token: `${preview_token}x` })).toBe('preview_mismatch');
  await shop.advanceTo(shop.service.clock.now() + 600_000);
  expect(await code({ ...toTeam(), preview_token })).toBe('preview_expired');
  expect(await invoicesOf(subscriber)).toEqual([]);
});
