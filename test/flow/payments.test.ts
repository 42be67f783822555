import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadPayments } from '../../src/entitlements/refresh/load-payments.ts';
import { createTestDatabase } from '../helpers/database.ts';

/* How a purchase finds its payment and what came back of it, in the rows of the mirror. */

let open: Awaited<ReturnType<typeof createTestDatabase>>;

const at = new Date('2026-11-01T00:00:00.000Z');
const money = { currency: 'usd', createdAt: at };

beforeAll(async () => {
  open = await createTestDatabase();
  const { prisma } = open.database;
  const charge = { ...money, amountRefunded: 0, status: 'succeeded' };
  await prisma.charge.createMany({
    data: [
      { ...charge, id: 'ch_1', paymentIntentId: 'pi_1', amount: 1_000 },
      { ...charge, id: 'ch_failed', paymentIntentId: 'pi_1', amount: 1_000, status: 'failed' },
      { ...charge, id: 'ch_2', paymentIntentId: 'pi_2', amount: 500 },
      { ...charge, id: 'ch_other', paymentIntentId: 'pi_other', amount: 70 },
    ],
  });
  const back = { ...money, amount: 100, status: 'succeeded' };
  await prisma.refund.createMany({
    data: [
      { ...back, id: 're_both', chargeId: 'ch_1', paymentIntentId: 'pi_1' },
      { ...back, id: 're_charge', chargeId: 'ch_1', paymentIntentId: null },
      { ...back, id: 're_intent', chargeId: null, paymentIntentId: 'pi_1' },
      { ...back, id: 're_other', chargeId: 'ch_other', paymentIntentId: 'pi_other' },
    ],
  });
  const dispute = { ...money, amount: 300, status: 'needs_response' };
  await prisma.dispute.createMany({
    data: [
      { ...dispute, id: 'dp_both', chargeId: 'ch_2', paymentIntentId: 'pi_2' },
      { ...dispute, id: 'dp_charge', chargeId: 'ch_1', paymentIntentId: null },
    ],
  });
  await prisma.invoice.create({
    data: {
      id: 'in_1',
      currency: 'usd',
      amountDue: 1_500,
      amountPaid: 1_500,
      total: 1_500,
      attemptCount: 1,
      createdAt: at,
    },
  });
  await prisma.invoicePayment.createMany({
    data: ['pi_1', 'pi_2'].map((paymentIntentId) => ({
      id: `inpay_${paymentIntentId}`,
      invoiceId: 'in_1',
      paymentIntentId,
      status: 'paid',
    })),
  });
});
afterAll(async () => {
  await open.drop();
});

/** Of one purchase among several, so that a mix-up shows. */
async function paymentOf(paymentIntentId: string | null, invoiceId: string | null) {
  const purchase = { paymentIntentId, invoiceId };
  const others = { paymentIntentId: 'pi_other', invoiceId: null };
  const payments = await open.database.transaction((tx) => loadPayments(tx, [purchase, others]));
  const { amount, refunds, disputes } = payments.of(purchase);
  const idsOf = (list: { id: string }[]) => list.map(({ id }) => id).toSorted();
  return { amount, refunds: idsOf(refunds), disputes: idsOf(disputes) };
}

const ofFirst = { refunds: ['re_both', 're_charge', 're_intent'], disputes: ['dp_charge'] };

describe('the payment of a purchase', () => {
  it('is the charge of its intent that succeeded, with refunds and disputes that name either', async () => {
    expect(await paymentOf('pi_1', null)).toEqual({ amount: 1_000, ...ofFirst });
  });

  it('is all that paid its invoice', async () => {
    expect(await paymentOf(null, 'in_1')).toEqual({
      amount: 1_500,
      refunds: ofFirst.refunds,
      disputes: ['dp_both', 'dp_charge'],
    });
  });

  it('counts once where intent and invoice both name it', async () => {
    expect(await paymentOf('pi_1', 'in_1')).toEqual(await paymentOf(null, 'in_1'));
  });

  it('is unknown until a charge is', async () => {
    const nothing = { amount: null, refunds: [], disputes: [] };
    expect(await paymentOf('pi_unknown', null)).toEqual(nothing);
    expect(await paymentOf(null, null)).toEqual(nothing);
  });
});
