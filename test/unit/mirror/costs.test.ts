import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Stripe from 'stripe';
import { afterEach, describe, expect, it } from 'vitest';
import { toPriceRow } from '../../../src/catalog/core/from-stripe.ts';
import { retrievePrice } from '../../../src/catalog/whole-price.ts';
import { couponsToFetch, subscriptionRow } from '../../../src/mirror/core/from-stripe.ts';
import { invoiceRow } from '../../../src/mirror/core/money-from-stripe.ts';

/*
 * What Stripe says of costs: discounts, tiers, currencies, and payments that failed. Its objects have
 * only the fields that are read here, hence the casts.
 */

const coupon = (id: string, fields: object) => ({
  id,
  object: 'coupon',
  percent_off: null,
  amount_off: null,
  currency: null,
  duration: 'forever',
  ...fields,
});

function subscription(discounts: unknown[], items: { id: string; discounts: unknown[] }[]) {
  const whole = items.map((item) => ({
    quantity: 1,
    price: { id: 'price_1', product: 'prod_1' },
    created: 0,
    current_period_start: 0,
    current_period_end: 0,
    ...item,
  }));
  return {
    subscription: {
      id: 'sub_1',
      customer: 'cus_1',
      metadata: {},
      pause_collection: null,
      start_date: 0,
      created: 0,
      discounts,
    } as object as Stripe.Subscription,
    items: whole as object[] as Stripe.SubscriptionItem[],
  };
}

const discount = (id: string, given: unknown, end: number | null = null) => ({
  id,
  object: 'discount',
  end,
  source: { type: 'coupon', coupon: given },
});

describe('the discounts of a subscription', () => {
  it('are those of the whole and those of items, each in its order, with what their coupons say', () => {
    const third = coupon('third', { percent_off: 33.33, duration: 'repeating' });
    const off = coupon('off', { amount_off: 300, currency: 'usd' });
    const given = subscription(
      [discount('di_a', third, 1_800_000_000), discount('di_b', off)],
      [{ id: 'si_1', discounts: [discount('di_c', 'deep')] }],
    );
    expect([...couponsToFetch(given.subscription, given.items)]).toEqual(['deep']);
    const deep = coupon('deep', { percent_off: 50, duration: 'once' }) as object as Stripe.Coupon;
    const row = subscriptionRow(given.subscription, given.items, null, new Map([['deep', deep]]));
    const common = { subscriptionId: 'sub_1', percentOff: null, amountOff: null, currency: null };
    expect(row.discounts).toEqual([
      {
        ...common,
        ...{ id: 'sub_1/0', itemId: null, position: 0, couponId: 'third', percentOff: '33.33' },
        ...{ duration: 'repeating', endAt: new Date(1_800_000_000_000) },
      },
      {
        ...common,
        ...{ id: 'sub_1/1', itemId: null, position: 1, couponId: 'off', amountOff: 300n },
        ...{ currency: 'usd', duration: 'forever', endAt: null },
      },
      {
        ...common,
        ...{ id: 'si_1/0', itemId: 'si_1', position: 0, couponId: 'deep', percentOff: '50' },
        ...{ duration: 'once', endAt: null },
      },
    ]);
  });

  it('none is a known answer; mere ids are none, so that what is stored stays', () => {
    const none = subscription([], [{ id: 'si_1', discounts: [] }]);
    expect(subscriptionRow(none.subscription, none.items, null).discounts).toEqual([]);
    for (const given of [
      subscription(['di_a'], [{ id: 'si_1', discounts: [] }]),
      subscription([], [{ id: 'si_1', discounts: ['di_a'] }]),
    ]) {
      expect(subscriptionRow(given.subscription, given.items, null)).not.toHaveProperty(
        'discounts',
      );
    }
  });

  it('one whose coupon is gone is kept, and takes off nothing that we know', () => {
    const given = subscription([], [{ id: 'si_1', discounts: [discount('di_a', 'gone')] }]);
    expect(subscriptionRow(given.subscription, given.items, null).discounts).toMatchObject([
      { couponId: 'gone', percentOff: null, amountOff: null },
    ]);
  });
});

describe('a payment that failed', () => {
  const payment = (intent: unknown) =>
    ({
      id: 'inpay_1',
      amount_paid: null,
      status: 'open',
      payment: { type: 'payment_intent', payment_intent: intent },
    }) as Stripe.InvoicePayment;
  const declined = payment({ id: 'pi_1', status: 'requires_payment_method' });
  const onItsWay = payment({ id: 'pi_1', status: 'processing' });

  it.each<[string, string, number, Stripe.InvoicePayment[], boolean]>([
    ['paid at once', 'paid', 1, [payment('pi_1')], false],
    ['paid at the second try', 'paid', 2, [payment('pi_1')], true],
    ['open and never tried', 'open', 0, [declined], false],
    ['open and declined', 'open', 1, [declined], true],
    ['open and on its way', 'open', 1, [onItsWay], false],
    ['open, and nobody asked how it went', 'open', 1, [payment('pi_1')], false],
    ['given up', 'uncollectible', 4, [declined], true],
    ['void before it was tried', 'void', 0, [], false],
  ])('%s', (_name, status, attempts, payments, failed) => {
    const invoice = {
      id: 'in_1',
      status,
      attempt_count: attempts,
      amount_due: 1,
      amount_paid: 1,
      total: 1,
      created: 0,
      status_transitions: {},
    } as Stripe.Invoice;
    expect('paymentFailed' in invoiceRow(invoice, payments)).toBe(failed);
  });
});

describe('a price', () => {
  let close = (): void => undefined;
  afterEach(() => {
    close();
  });

  /** A Stripe that has one price, and shows of it what is asked for. */
  async function startStripe(price: object): Promise<{ client: Stripe; asked: string[][] }> {
    const asked: string[][] = [];
    const server = createServer((request, response) => {
      const { searchParams: query } = new URL(request.url ?? '/', 'http://stripe.test');
      asked.push([...query].filter(([key]) => key.startsWith('expand')).map(([, path]) => path));
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(price));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    close = () => {
      server.closeAllConnections();
      server.close();
    };
    const { port } = server.address() as AddressInfo; // a TCP server's address is one
    const client = new Stripe('sk_test_123', { host: '127.0.0.1', port, protocol: 'http' });
    return { client, asked };
  }

  const plain = {
    ...{ id: 'price_1', object: 'price', product: 'prod_1', active: true, nickname: null },
    ...{ currency: 'usd', unit_amount: null, unit_amount_decimal: '1.25', type: 'recurring' },
    recurring: { interval: 'month', interval_count: 1, usage_type: 'licensed' },
    ...{ tiers_mode: null, transform_quantity: { divide_by: 5, round: 'up' } },
    currency_options: {
      usd: { unit_amount: null, unit_amount_decimal: '1.25' },
      eur: { unit_amount: 2, unit_amount_decimal: '2' },
    },
  };

  it('comes with its other currencies in one request, decimals and packs as they are', async () => {
    const { client, asked } = await startStripe(plain);
    expect(toPriceRow(await retrievePrice(client, 'price_1'))).toMatchObject({
      unitAmount: null,
      unitAmountDecimal: '1.25',
      currencyOptions: { eur: { unitAmount: '2', tiers: null } },
      divideQuantityBy: 5,
      roundQuantity: 'up',
    });
    expect(asked).toEqual([['currency_options']]);
  });

  it('that is tiered is asked for its tiers, those of its other currencies too', async () => {
    const tier = { up_to: 5, unit_amount: 500, unit_amount_decimal: '500', flat_amount: null };
    const tiers = [
      { ...tier, flat_amount_decimal: null },
      { ...tier, up_to: null, unit_amount: null, unit_amount_decimal: '0.5', flat_amount: 7 },
    ];
    const { client, asked } = await startStripe({
      ...plain,
      ...{ tiers_mode: 'graduated', unit_amount_decimal: null, transform_quantity: null, tiers },
      currency_options: { eur: { unit_amount: null, unit_amount_decimal: null, tiers } },
    });
    const rows = [
      { upTo: 5, unitAmount: '500', flatAmount: null },
      { upTo: null, unitAmount: '0.5', flatAmount: '7' },
    ];
    expect(toPriceRow(await retrievePrice(client, 'price_1'))).toMatchObject({
      tiers: rows,
      currencyOptions: { eur: { unitAmount: null, tiers: rows } },
    });
    expect(asked).toEqual([['currency_options'], ['tiers', 'currency_options.eur.tiers']]);
  });
});
