import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { at } from '../helpers/json.ts';
import { rowsOf } from '../helpers/lists.ts';
import { startTestService, testStart, type TestService } from '../helpers/service.ts';

/* Money that the mirror knows in more than one way, or not in full, counts once and in its project. */

let service: TestService;
let key = '';
let uid = 0n;
const createdAt = new Date(testStart);
const intent = 'pi_1';

beforeEach(async () => {
  service = await startTestService();
  ({ key } = await service.createProject('notes'));
  const who = { projectId: 'notes', userId: 'ann' };
  const { prisma } = service.deps.database;
  ({ uid } = await prisma.user.create({ data: { ...who, createdAt } }));
  await prisma.customer.create({ data: { id: 'cus_ann', uid, createdAt } });
});
afterEach(() => service.close());

async function revenue(): Promise<unknown> {
  const { status, body } = await service.request('GET', '/metrics', { key });
  expect(status).toBe(200);
  return at(rowsOf(body, 'projects')[0], 'revenue');
}

/** A pass for 25.00 that ann bought. */
async function writeCheckout(invoiceId: string | null): Promise<void> {
  const money = { currency: 'usd', paymentIntentId: intent };
  await service.deps.database.prisma.checkoutSession.create({
    data: {
      ...{ id: 'cs_1', uid, mode: 'payment', status: 'complete', paymentStatus: 'paid' },
      ...{ ...money, invoiceId, amountTotal: 2_500n, createdAt },
      purchases: {
        create: {
          ...{ id: 'li_1', uid, priceId: 'price_x', productId: 'prod_x', quantity: 1 },
          ...{ ...money, amount: 2_500n, purchasedAt: createdAt },
        },
      },
    },
  });
}

/** Its receipt. */
async function writeReceipt(customer: string, namesPayment: boolean): Promise<void> {
  const amounts = { amountDue: 2_500n, amountPaid: 2_500n, total: 2_500n, currency: 'usd' };
  const payment = { id: 'inpay_1', paymentIntentId: intent, amountPaid: 2_500n, status: 'paid' };
  await service.deps.database.prisma.invoice.create({
    data: {
      ...{ id: 'in_1', customerId: `cus_${customer}`, status: 'paid', ...amounts, attemptCount: 0 },
      ...{ createdAt, finalizedAt: createdAt, paidAt: createdAt },
      payments: { create: namesPayment ? [payment] : [] },
    },
  });
}

async function writeRefund(status: string, knownStatus: string | null = null): Promise<void> {
  const back = { chargeId: 'ch_1', paymentIntentId: intent, amount: 500n, currency: 'usd' };
  await service.deps.database.prisma.refund.create({
    data: { id: 're_1', ...back, status, knownStatus, createdAt },
  });
}

async function writeDispute(status: string, knownStatus: string | null = null): Promise<void> {
  const back = { chargeId: 'ch_1', paymentIntentId: intent, amount: 2_500n, currency: 'usd' };
  await service.deps.database.prisma.dispute.create({
    data: { id: 'dp_1', ...back, status, knownStatus, createdAt },
  });
}

describe('a checkout and the invoice that is its receipt', () => {
  it.each([
    ['the checkout names it', 'in_1', 'guest', true],
    ['the checkout does not name it (yet): their payment is one', null, 'guest', true],
    ['so, and its customer is known as well', null, 'ann', true],
    ['it names no payment', 'in_1', 'guest', false],
  ])('count once, with what was given back: %s', async (_case, invoiceId, customer, names) => {
    await writeCheckout(invoiceId);
    await writeReceipt(customer, names);
    await writeRefund('succeeded');
    expect(await revenue()).toEqual({
      usd: { gross: 2_500, refunded: 500, disputed: 0, net: 2_000 },
    });
  });
});

describe('a status that nobody knows leaves what was taken as it was', () => {
  it.each([
    ['succeeded', 500],
    ['failed', 0],
    [null, 0],
  ])('a refund that was %s', async (known, refunded) => {
    await writeCheckout(null);
    await writeRefund('on_the_moon', known);
    expect(at(await revenue(), 'usd')).toMatchObject({ gross: 2_500, refunded });
  });

  it.each([
    ['lost', 2_500],
    ['under_review', 0],
    [null, 0],
  ])('a dispute that was %s', async (known, disputed) => {
    await writeCheckout(null);
    await writeDispute('on_the_moon', known);
    expect(at(await revenue(), 'usd')).toMatchObject({ gross: 2_500, disputed });
  });
});
