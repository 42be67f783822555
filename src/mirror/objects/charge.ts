import type Stripe from 'stripe';
import { isKnownRefundStatus } from '../../entitlements/core/stripe-statuses.ts';
import { ofOnly, wholeList } from '../../platform/stripe-lists.ts';
import { instant, optionalReference } from '../core/from-stripe.ts';
import type { RefundRow } from '../core/rows.ts';
import type { StripeSnapshot } from '../core/stripe-snapshot.ts';
import { type FollowedObject, lastKnown, upsertOf, whereIn } from './followed-object.ts';

/** A charge, with all its refunds. */
export const charge: FollowedObject<'charge'> = {
  async fetch(stripe, snapshot, id) {
    await addCharge(stripe, snapshot, await fetchCharge(stripe, id));
  },
  links: ({ paymentIntentId }) => ({ intents: [paymentIntentId] }),
  async store(tx, { refunds, ...data }) {
    await tx.charge.upsert(upsertOf(data));
    const unknown: string[] = [];
    for (const refund of refunds) {
      const { id } = refund;
      const known = isKnownRefundStatus(refund.status);
      const former = known ? null : await tx.refund.findUnique({ where: { id } });
      const row = { ...refund, knownStatus: former && lastKnown(former, isKnownRefundStatus) };
      await tx.refund.upsert(upsertOf(row));
      if (!known) unknown.push(id);
    }
    return unknown;
  },
  async load(tx, shown) {
    const charges = await tx.charge.findMany(whereIn(shown));
    const ids = shown.map(({ id }) => id);
    const refunds = await tx.refund.findMany({ where: { chargeId: { in: ids } } });
    return charges.map((row) => ({
      ...row,
      refunds: refunds.filter(({ chargeId }) => chargeId === row.id),
    }));
  },
  ofCustomer: null,
};

export function fetchCharge(stripe: Stripe, id: string): Promise<Stripe.Charge> {
  return stripe.charges.retrieve(id, { expand: ['refunds'] });
}

/** Adds a charge from Stripe, with all its refunds. */
export async function addCharge(
  stripe: Stripe,
  snapshot: StripeSnapshot,
  shown: Stripe.Charge,
): Promise<void> {
  const refunds = await wholeList(shown.refunds, (page) =>
    stripe.refunds.list({ charge: shown.id, ...page }),
  );
  ofOnly(shown.id, refunds, (refund) => optionalReference(refund.charge));
  snapshot.charge.push({
    id: shown.id,
    paymentIntentId: optionalReference(shown.payment_intent),
    customerId: optionalReference(shown.customer),
    amount: BigInt(shown.amount),
    amountRefunded: BigInt(shown.amount_refunded),
    currency: shown.currency,
    status: shown.status,
    createdAt: instant(shown.created),
    refunds: refunds.map(refundRow),
  });
}

export function refundRow(refund: Stripe.Refund): RefundRow {
  return {
    id: refund.id,
    chargeId: optionalReference(refund.charge),
    paymentIntentId: optionalReference(refund.payment_intent),
    amount: BigInt(refund.amount),
    currency: refund.currency,
    status: refund.status ?? 'pending',
    createdAt: instant(refund.created),
  };
}
