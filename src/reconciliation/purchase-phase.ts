import type Stripe from 'stripe';
import { sessionRow } from '../mirror/core/from-stripe.ts';
import { arrivalOf } from '../mirror/core/money-from-stripe.ts';
import { snapshotOf, type StripeSnapshot } from '../mirror/core/stripe-snapshot.ts';
import { fetchSnapshot } from '../mirror/fetch.ts';
import { addCharge } from '../mirror/objects/charge.ts';
import { disputeRow } from '../mirror/objects/dispute.ts';
import { whereAllowed } from '../mirror/optional-expansion.ts';
import { eachListed, wholeList } from '../platform/stripe-lists.ts';
import { compareList } from './compare-list.ts';
import { recordMissing } from './correction.ts';

// Four levels, which is Stripe's maximum. With these, charges and refunds need no additional requests.
const charge = 'data.payment_intent.latest_charge';
const needed = ['data.line_items', 'data.customer', `${charge}.refunds`];
const optional = [`${charge}.balance_transaction`];

/** Compares all completed checkouts, each with its purchases, charge, refunds and disputes. */
export const comparePurchases = compareList({
  list: (stripe, params) =>
    whereAllowed(optional, needed, (expand) =>
      stripe.checkout.sessions.list({ ...params, status: 'complete', expand }),
    ),
  onlyRecent: false,
  async toSnapshot(context, session) {
    const { stripeForReconciliation, database } = context.deps;
    const snapshot = await toSnapshot(stripeForReconciliation, session);
    for (const object of snapshot.missing) {
      const count = await database.prisma.checkoutSession.count({ where: { id: session.id } });
      await recordMissing(context, object, count > 0);
    }
    return snapshot;
  },
  customerOf: ({ customer }) => customer,
  alive: {
    objectType: 'checkout.session',
    load: (tx, { among, newest }) =>
      tx.checkoutSession.findMany({ where: { purchases: { some: {} }, ...among }, ...newest }),
  },
});

/**
 * Builds from the list the same snapshot as `fetchSnapshot`. One-time lines of a subscription checkout are
 * paid through the invoice, which the list cannot expand, so such a session is fetched.
 */
async function toSnapshot(
  stripe: Stripe,
  session: Stripe.Checkout.Session,
): Promise<StripeSnapshot> {
  const lines = await wholeList(session.line_items, (page) =>
    stripe.checkout.sessions.listLineItems(session.id, page),
  );
  const oneTime = lines.some(({ price }) => price?.type === 'one_time');
  if (oneTime && session.invoice !== null && session.mode === 'subscription') {
    return fetchSnapshot(stripe, { objectType: 'checkout.session', objectId: session.id });
  }
  const snapshot = snapshotOf();
  const intent = session.payment_intent;
  const latest = typeof intent === 'object' ? intent?.latest_charge : null;
  const charges = typeof latest === 'object' && latest !== null ? [latest] : [];
  for (const charge of charges) {
    await addCharge(stripe, snapshot, charge);
    if (!charge.disputed) continue;
    const disputes = eachListed((page) => stripe.disputes.list({ charge: charge.id, ...page }));
    for await (const dispute of disputes) snapshot.dispute.push(disputeRow(dispute));
  }
  const arrivedAt = arrivalOf(charges, null);
  snapshot['checkout.session'].push(sessionRow(session, lines, { arrivedAt }));
  return snapshot;
}
