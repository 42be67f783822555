import fc from 'fast-check';
import type Stripe from 'stripe';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { at, text } from '../helpers/json.ts';
import { type Shop, startShop } from '../helpers/shop.ts';

/*
 * Random subscriptions and changes: the invoice that a change makes is its preview, to the cent, and the user
 * may use what the preview told.
 */

const dayMs = 86_400_000;
const minuteMs = 60_000;

type Plan = 'pro' | 'team' | 'cheap' | 'odd' | 'proYearly' | 'teamYearly';
const plans: readonly Plan[] = ['pro', 'team', 'cheap', 'odd', 'proYearly', 'teamYearly'];

interface Case {
  plan: Plan;
  quantity: number;
  coupon: { percent_off: number } | { amount_off: number; currency: 'usd' } | null;
  duration: 'once' | 'forever' | 'repeating';
  itemized: boolean;
  trial: boolean;
  tax: number | null;
  elapsedMs: number;
  earlier: number | null;
  change: { plan: Plan | null; quantity: number | null; all: boolean };
  proration: 'invoice_now' | 'next_invoice' | 'none';
  promotion: boolean;
  waitMs: number;
}

const oneIn = (count: number): fc.Arbitrary<boolean> =>
  fc.integer({ min: 1, max: count }).map((drawn) => drawn === 1);
const anyPlan = fc.constantFrom(...plans);
const anyQuantity = fc.integer({ min: 1, max: 7 });

const anyCase: fc.Arbitrary<Case> = fc.record({
  plan: anyPlan,
  quantity: anyQuantity,
  coupon: fc.option(
    fc.oneof(
      fc.record({ percent_off: fc.integer({ min: 1, max: 100 }) }),
      fc.record({
        amount_off: fc.integer({ min: 1, max: 3_000 }),
        currency: fc.constant('usd' as const),
      }),
    ),
  ),
  duration: fc.constantFrom('once', 'forever', 'repeating'),
  itemized: fc.boolean(),
  trial: oneIn(6),
  tax: fc.constantFrom(null, 7.7, 19),
  elapsedMs: fc.integer({ min: 1, max: 27 * dayMs }),
  earlier: fc.option(anyQuantity),
  change: fc.record({
    plan: fc.option(anyPlan),
    quantity: fc.option(anyQuantity),
    all: oneIn(5),
  }),
  proration: fc.constantFrom('invoice_now', 'invoice_now', 'next_invoice', 'none'),
  promotion: oneIn(4),
  waitMs: fc.integer({ min: 0, max: 9 * minuteMs }),
});

let shop: Shop;
let prices: Record<Plan, string>;
let users = 0;

beforeAll(async () => {
  shop = await startShop();
  const productOf = async (price: string): Promise<string> => {
    const { product } = await shop.stripe.prices.retrieve(price);
    return typeof product === 'string' ? product : product.id;
  };
  const make = async (
    product: string,
    unit_amount: number,
    interval: 'month' | 'year',
  ): Promise<string> => {
    const made = await shop.stripe.prices.create({
      product,
      currency: 'usd',
      unit_amount,
      recurring: { interval },
    });
    return made.id;
  };
  const [pro, team] = [await productOf(shop.prices.pro), await productOf(shop.prices.team)];
  prices = {
    pro: shop.prices.pro,
    team: shop.prices.team,
    cheap: await make(pro, 333, 'month'),
    odd: await make(team, 4_567, 'month'),
    proYearly: await make(pro, 9_999, 'year'),
    teamYearly: await make(team, 25_001, 'year'),
  };
  await shop.settle();
});
afterAll(() => shop.close());

async function start(given: Case): Promise<{ user: string; id: string }> {
  const { stripe } = shop;
  const user = `u_${(users += 1)}`;
  const metadata = { project_id: 'notes', user_id: user };
  await shop.sandbox.billing.setTax(given.tax);
  const coupon =
    given.coupon === null
      ? null
      : await stripe.coupons.create({
          ...given.coupon,
          duration: given.duration,
          ...(given.duration === 'repeating' ? { duration_in_months: 3 } : {}),
        });
  const customer = await stripe.customers.create({ metadata });
  const { id, items } = await stripe.subscriptions.create({
    customer: customer.id,
    metadata,
    items: [{ price: prices[given.plan], quantity: given.quantity }],
    automatic_tax: { enabled: given.tax !== null },
    billing_mode: {
      type: 'flexible',
      flexible: { proration_discounts: given.itemized ? 'itemized' : 'included' },
    },
    ...(coupon === null ? {} : { discounts: [{ coupon: coupon.id }] }),
    ...(given.trial ? { trial_period_days: 30 } : {}),
  });
  await shop.advanceTo(shop.service.clock.now() + given.elapsedMs);
  if (given.earlier !== null) {
    await stripe.subscriptions.update(id, {
      items: [{ id: items.data[0]?.id ?? '', quantity: given.earlier }],
      proration_behavior: 'always_invoice',
    });
  }
  await shop.settle();
  return { user, id };
}

/** Returns what changes; null if nothing does. */
async function changeOf(given: Case, user: string): Promise<object | null> {
  const { change, proration } = given;
  const quantity = change.quantity ?? given.quantity;
  const price_id = prices[change.plan ?? given.plan];
  if (price_id === prices[given.plan] && quantity === (given.earlier ?? given.quantity))
    return null;
  const coupon = await shop.stripe.coupons.create({ percent_off: 20, duration: 'once' });
  const { code } = await shop.stripe.promotionCodes.create({
    promotion: { type: 'coupon', coupon: coupon.id },
  });
  return {
    user_id: user,
    when: 'now',
    proration,
    ...(change.all ? { items: [{ price_id, quantity }] } : { price_id, quantity }),
    ...(given.promotion ? { promotion_code: code } : {}),
  };
}

async function entitledAfter(user: string, told: unknown): Promise<Record<string, unknown>> {
  const before = await shop.entitled(user);
  const listAt = (name: string): unknown[] => {
    const list = at(told, name);
    return Array.isArray(list) ? list : [];
  };
  const kept = Object.entries(before).filter(([code]) => !listAt('lost').includes(code));
  const changed = listAt('changed').map((one) => [text(one, 'feature_code'), at(one, 'to')]);
  const gained = listAt('gained').map((code) => [String(code), 'gained']);
  return Object.fromEntries([...kept, ...changed, ...gained]) as Record<string, unknown>;
}

function sumsUp(preview: unknown): void {
  const amounts = (name: string): number => {
    const list = at(preview, name);
    const all = Array.isArray(list) ? list : [];
    return all.reduce((sum: number, one: unknown) => sum + Number(at(one, 'amount')), 0);
  };
  const total = amounts('lines') - amounts('discounts') + Number(at(preview, 'tax'));
  const paid = Number(at(preview, 'due_now')) + Number(at(preview, 'credit_used'));
  expect(paid - Number(at(preview, 'credit'))).toBe(total);
}

async function latestInvoice(id: string): Promise<Stripe.Invoice> {
  const [invoice] = (await shop.stripe.invoices.list({ subscription: id, limit: 1 })).data;
  if (invoice === undefined) throw new Error('there is no invoice');
  return invoice;
}

/** `npm run test:plans` makes 200 changes. */
const runs = Number(process.env['PLAN_RUNS'] ?? 40);

it('previews of random changes are their invoices, to the cent, and tell what users may use', async () => {
  const cases = fc.sample(anyCase, { numRuns: runs, seed: 20_261_130 });
  let invoiced = 0;
  for (const given of cases) {
    const { user, id } = await start(given);
    const change = await changeOf(given, user);
    if (change !== null) {
      const ask = (deed: string, body: object) =>
        shop.service.request('POST', `/subscriptions/${id}/${deed}`, { key: shop.key, body });
      const preview = await ask('preview', change);
      const context = JSON.stringify([given, preview.body]);
      expect(preview.status, context).toBe(200);
      const expected = await entitledAfter(user, at(preview.body, 'entitlements'));
      await shop.advanceTo(shop.service.clock.now() + given.waitMs);
      const preview_token = text(preview.body, 'preview_token');
      const changed = await ask('change', { ...change, preview_token });
      expect(changed.status, JSON.stringify([context, changed.body])).toBe(200);

      const after = await shop.entitled(user);
      const gained = Object.entries(expected).map(([code, value]) => [
        code,
        value === 'gained' ? after[code] : value,
      ]);
      expect(after, context).toEqual(Object.fromEntries(gained));

      const invoiceId = at(changed.body, 'invoice_id');
      const due = Number(at(preview.body, 'due_now'));
      if (typeof invoiceId === 'string') {
        const invoice = await shop.stripe.invoices.retrieve(invoiceId);
        expect(invoice.amount_due, context).toBe(due);
        sumsUp(preview.body);
        invoiced += 1;
      } else {
        expect(due, context).toBe(0);
        await shop.advanceTo(Date.parse(text(preview.body, 'next_invoice', 'at')));
        const next = await latestInvoice(id);
        expect(next.total, context).toBe(at(preview.body, 'next_invoice', 'total'));
      }
    }
    await shop.stripe.subscriptions.cancel(id);
    await shop.settle();
  }
  expect(invoiced).toBeGreaterThan(0.4 * runs);
}, 900_000);
