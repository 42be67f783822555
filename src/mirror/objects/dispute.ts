import type Stripe from 'stripe';
import { isKnownDisputeStatus } from '../../entitlements/core/stripe-statuses.ts';
import type { Tx } from '../../platform/database.ts';
import { instant, optionalReference, reference } from '../core/from-stripe.ts';
import type { DisputeRow } from '../core/rows.ts';
import type { StripeSnapshot } from '../core/stripe-snapshot.ts';
import { unlessMissing } from '../failures.ts';
import { addCharge, fetchCharge } from './charge.ts';
import { type FollowedObject, lastKnown, related, upsertOf, whereIn } from './followed-object.ts';

export const dispute: FollowedObject<'dispute'> = {
  fetch: fetchDispute,
  links: ({ chargeId, paymentIntentId }) => ({
    intents: [paymentIntentId],
    related: related('charge', chargeId),
  }),
  store: storeDispute,
  load: (tx, rows) => tx.dispute.findMany(whereIn(rows)),
  // Found by their charges: `fetchDisputes`.
  ofCustomer: null,
};

/** Fetches a dispute with its charge, which leads to the owner if the payment was a subscription's. */
async function fetchDispute(stripe: Stripe, snapshot: StripeSnapshot, id: string): Promise<void> {
  const shown = await stripe.disputes.retrieve(id);
  snapshot.dispute.push(disputeRow(shown));
  const objectId = reference(shown.charge);
  await unlessMissing(snapshot.unconfirmed, { objectType: 'charge', objectId }, async () =>
    addCharge(stripe, snapshot, await fetchCharge(stripe, objectId)),
  );
}

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

async function storeDispute(tx: Tx, dispute: DisputeRow): Promise<string[]> {
  const { id } = dispute;
  const known = isKnownDisputeStatus(dispute.status);
  const former = known ? null : await tx.dispute.findUnique({ where: { id } });
  const row = { ...dispute, knownStatus: former && lastKnown(former, isKnownDisputeStatus) };
  await tx.dispute.upsert(upsertOf(row));
  return known ? [] : [id];
}
