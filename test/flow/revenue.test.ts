import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { at, entriesAt } from '../helpers/json.ts';
import { rowsOf } from '../helpers/lists.ts';
import { type Shop, startShop } from '../helpers/shop.ts';
import { exampleTable } from '../unit/reporting/document.ts';

/* From Stripe to the report: the revenue of docs/reports.md as it comes about, and what lowers MRR. */

let shop: Shop;
const cents = 2_500;
const examples = exampleTable('what');

beforeAll(async () => {
  shop = await startShop();
});
afterAll(() => shop.close());

async function report(from: string, to: string): Promise<unknown> {
  const path = `/metrics?from=${from}T00:00:00Z&to=${to}T00:00:00Z`;
  const { status, body } = await shop.service.request('GET', path, { key: shop.key });
  expect(status).toBe(200);
  return rowsOf(body, 'projects')[0];
}

const november = (): Promise<unknown> => report('2026-11-01', '2026-12-01');

/** Writes what the mirror holds of an example; the project is the shop's, the user its own. */
async function write(name: string, index: number): Promise<void> {
  const { prisma } = shop.service.deps.database;
  const instant = (day: string): Date => new Date(`${day}T00:00:00.000Z`);
  const dates = [...name.matchAll(/\d{4}-\d{2}-\d{2}/g)].map(([day]) => instant(day));
  const [first = instant('2026-11-15'), second = first] = dates;
  const who = { projectId: 'notes', userId: `example_${index}` };
  const { uid } = await prisma.user.create({ data: { ...who, createdAt: first } });
  const money = { amountDue: 1_000n, amountPaid: 1_000n, total: 1_000n, currency: 'usd' };
  if (name.startsWith('an invoice')) {
    const open = name.endsWith('open');
    const customerId = `cus_example_${index}`;
    await prisma.customer.create({ data: { id: customerId, uid, createdAt: first } });
    await prisma.invoice.create({
      data: {
        ...{ id: `in_${index}`, customerId, ...money, attemptCount: 1, createdAt: first },
        ...(open ? { status: 'open', amountPaid: 0n } : { status: 'paid', paidAt: first }),
      },
    });
    return;
  }
  const paymentIntentId = `pi_${index}`;
  const amount = BigInt(cents);
  await prisma.checkoutSession.create({
    data: {
      ...{ id: `cs_${index}`, uid, mode: 'payment', status: 'complete', paymentStatus: 'paid' },
      ...{ paymentIntentId, amountTotal: amount, currency: 'usd', createdAt: first },
      purchases: {
        create: {
          ...{ id: `li_${index}`, uid, priceId: 'price_x', productId: 'prod_x', quantity: 1 },
          ...{ amount, currency: 'usd', paymentIntentId, purchasedAt: first },
        },
      },
    },
  });
  const back = { chargeId: `ch_${index}`, paymentIntentId, currency: 'usd', createdAt: second };
  if (name.includes('refund')) {
    const part = name.includes('5.00 of it') ? 500n : amount;
    const status = name.includes('failed') ? 'failed' : 'succeeded';
    await prisma.refund.create({ data: { id: `re_${index}`, ...back, amount: part, status } });
  }
  if (name.includes('dispute')) {
    const status = name.endsWith('lost') ? 'lost' : 'won';
    await prisma.dispute.create({ data: { id: `dp_${index}`, ...back, amount, status } });
  }
}

describe('the example of the document', () => {
  let before = { gross: 0, refunded: 0, disputed: 0 };

  it.each(examples.map((row, index) => [row[0] ?? '', index, row.slice(1)] as const))(
    '%s',
    async (name, index, figures) => {
      if (!name.startsWith('**')) await write(name, index);
      const sums = entriesAt(await november(), 'revenue', 'usd');
      const now = Object.fromEntries(sums.map(([kind, sum]) => [kind, Number(sum)]));
      const { gross = 0, refunded = 0, disputed = 0, net = 0 } = now;
      const since = name.startsWith('**') ? { gross: 0, refunded: 0, disputed: 0 } : before;
      expect([gross - since.gross, refunded - since.refunded, disputed - since.disputed]).toEqual(
        figures.map(Number),
      );
      expect(net).toBe(gross - refunded - disputed);
      before = { gross, refunded, disputed };
    },
  );
});

describe('from Stripe to the report', () => {
  const day = 86_400_000;

  it('a year of a shop: bought, refunded, lost, failed, recovered, given up and back again', async () => {
    const { sandbox, service } = shop;
    const start = Date.parse('2027-01-01T00:00:00.000Z');
    await shop.advanceTo(start + day);
    for (const user of ['stays', 'leaves', 'owes']) await shop.buy(user, 'pro');
    await shop.buy('passes', 'pass');
    await shop.buy('regrets', 'forever');
    await shop.settle();
    await sandbox.billing.refund((await shop.chargeOf('passes')).id, 400);
    const dispute = await sandbox.billing.openDispute((await shop.chargeOf('regrets')).id);
    await sandbox.billing.closeDispute(dispute, 'lost');
    await sandbox.billing.cancelNow((await shop.subscriptionOf('leaves')).id);
    const owing = await shop.customerOf('owes');
    await sandbox.billing.failNextPayments(owing, true);
    await shop.settle();
    expect(await report('2027-01-01', '2027-02-01')).toMatchObject({
      subscriptions: { by_status: { active: 2, canceled: 1 }, new: 3, churned: 1, reactivated: 0 },
      mrr: { usd: 2_000 },
      revenue: { usd: { gross: 5_000, refunded: 400, disputed: 1_000, net: 3_600 } },
      payments: { failed: 0, recovered: 0 },
    });

    await shop.advanceTo(start + 33 * day);
    await shop.settle();
    const { id } = await shop.subscriptionOf('owes');
    const { data } = await shop.stripe.invoices.list({ subscription: id, status: 'open' });
    await sandbox.billing.failNextPayments(owing, false);
    await sandbox.billing.payOpenInvoice(data[0]?.id ?? '');
    await shop.buy('leaves', 'pro');
    await shop.settle();
    expect(await report('2027-02-01', '2027-03-01')).toMatchObject({
      subscriptions: { by_status: { active: 3, canceled: 1 }, new: 0, churned: 0, reactivated: 1 },
      mrr: { usd: 3_000 },
      revenue: { usd: { gross: 3_000, refunded: 0, disputed: 0 } },
      payments: { failed: 1, recovered: 1 },
    });

    // What is reported twice is the same: nothing was kept of the first time.
    expect(await report('2027-02-01', '2027-03-01')).toEqual(
      await report('2027-02-01', '2027-03-01'),
    );
    expect(service.clock.now()).toBe(start + 33 * day);
  });

  it('coupons lower MRR as long as they last, trials and pauses stand apart', async () => {
    const { sandbox, stripe } = shop;
    const { id } = await shop.subscriptionOf('stays');
    const quarter = await stripe.coupons.create({
      percent_off: 25,
      duration: 'repeating',
      duration_in_months: 2,
    });
    await stripe.subscriptions.update(id, { discounts: [{ coupon: quarter.id }] });
    await shop.settle();
    expect(at(await november(), 'mrr')).toEqual({ usd: 2_750 });

    await sandbox.billing.pause((await shop.subscriptionOf('owes')).id);
    const customer = await shop.customerOf('passes');
    await stripe.subscriptions.create({
      customer,
      items: [{ price: shop.prices.team, quantity: 2 }],
      trial_end: Math.floor(shop.service.clock.now() / 1_000) + 40 * 86_400,
    });
    await shop.settle();
    expect(await november()).toMatchObject({
      mrr: { usd: 1_750 },
      mrr_apart: { trialing: { usd: 2_000 }, paused: { usd: 1_000 }, unpriced_items: 0 },
    });

    await shop.advanceTo(Date.parse('2027-05-01T00:00:00.000Z'));
    await shop.settle();
    // The coupon is over; the trial too, and it pays.
    expect(await november()).toMatchObject({
      mrr: { usd: 4_000 },
      mrr_apart: { trialing: {}, paused: { usd: 1_000 } },
    });
  });
});
