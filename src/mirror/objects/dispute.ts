import type Stripe from 'stripe';
import { isKnownDisputeStatus } from '../../entitlements/core/stripe-statuses.ts';
import { instant, optionalReference, reference } from '../core/from-stripe.ts';
import type { DisputeRow } from '../core/rows.ts';
import { unlessMissing } from '../failures.ts';
import { addCharge, fetchCharge } from './charge.ts';
import { type FollowedObject, lastKnown, related, upsertOf, whereIn } from './followed-object.ts';

/**
 * A dispute, fetched with its charge. If the payment was for a subscription, the charge leads to the owner.
 */
export const dispute: FollowedObject<'dispute'> = {
  async fetch(stripe, snapshot, id) {
    const shown = await stripe.disputes.retrieve(id);
    snapshot.dispute.push(disputeRow(shown));
    const objectId = reference(shown.charge);
    await unlessMissing(snapshot.unconfirmed, { objectType: 'charge', objectId }, async () =>
      addCharge(stripe, snapshot, await fetchCharge(stripe, objectId)),
    );
  },
  links: ({ chargeId, paymentIntentId }) => ({
    intents: [paymentIntentId],
    related: related('charge', chargeId),
  }),
  async store(tx, row) {
    const { id } = row;
    const known = isKnownDisputeStatus(row.status);
    const former = known ? null : await tx.dispute.findUnique({ where: { id } });
    const knownStatus = former && lastKnown(former, isKnownDisputeStatus);
    await tx.dispute.upsert(upsertOf({ ...row, knownStatus }));
    return known ? [] : [id];
  },
  load: (tx, rows) => tx.dispute.findMany(whereIn(rows)),
  // Stripe cannot list disputes by customer, so `fetchDisputes` lists them by charge.
  ofCustomer: null,
};

export function disputeRow(dispute: Stripe.Dispute): DisputeRow {
  return {
    id: dispute.id,
    chargeId: reference(dispute.charge),
    paymentIntentId: optionalReference(dispute.payment_intent),
    amount: BigInt(dispute.amount),
    currency: dispute.currency,
    status: dispute.status,
    createdAt: instant(dispute.created),
  };
}
