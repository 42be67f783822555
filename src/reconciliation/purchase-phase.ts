import type Stripe from 'stripe';
import { sessionRow } from '../mirror/core/from-stripe.ts';
import { arrivalOf, disputeRow } from '../mirror/core/money-from-stripe.ts';
import { emptySnapshot, type StripeSnapshot } from '../mirror/core/stripe-snapshot.ts';
import { addCharge, fetchSnapshot } from '../mirror/fetch.ts';
import { whereAllowed } from '../mirror/optional-expansion.ts';
import { eachListed, wholeList } from '../platform/stripe-lists.ts';
import { correctPage, withCustomers } from './correct-page.ts';
import { recordMissing } from './correction.ts';
import { compareUnlisted, fetchPage } from './pages.ts';
import type { Position, RunContext } from './run-context.ts';
import { customerSnapshots } from './subscription-phase.ts';

// Four levels, Stripe's maximum: a purchase with its charge and refunds costs no request of its own.
const charge = 'data.payment_intent.latest_charge';
const needed = ['data.line_items', 'data.customer', `${charge}.refunds`];
const optional = [`${charge}.balance_transaction`];

/**
 * Compares a page of all completed checkouts, each with its purchases, charge, refunds and disputes; then
 * those with purchases in the mirror that the page should have shown.
 */
export async function comparePurchases(
  context: RunContext,
  position: Position,
): Promise<Position | null> {
  const { deps } = context;
  const stripe = deps.stripeForReconciliation;
  const page = await fetchPage(
    context,
    (params) =>
      whereAllowed(optional, needed, (expand) =>
        stripe.checkout.sessions.list({ ...params, status: 'complete', expand }),
      ),
    position,
  );
  const snapshots: StripeSnapshot[] = [];
  for (const session of page.objects) {
    const snapshot = await toSnapshot(stripe, session);
    snapshots.push(snapshot);
    for (const object of snapshot.missing) {
      const held = await deps.database.prisma.checkoutSession.count({ where: { id: session.id } });
      await recordMissing(context, object, held > 0);
    }
  }
  const customers = customerSnapshots(page.objects.map(({ customer }) => customer));
  await correctPage(context, customers, page.number);
  await correctPage(context, snapshots, page.number, withCustomers(customers));
  await compareUnlisted(
    context,
    'checkout.session',
    position,
    page,
    async (createdAt, ids, take) => {
      const rows = await deps.database.prisma.checkoutSession.findMany({
        where: {
          purchases: { some: {} },
          id: { notIn: ids },
          createdAt,
        },
        select: { id: true },
        orderBy: { createdAt: 'desc' },
        take,
      });
      return rows.map(({ id }) => id);
    },
  );
  return page.next;
}

/**
 * Builds the snapshot from the list alone, as `fetchSnapshot` would. The one-time lines of a subscription's
 * checkout are paid through its invoice, which lies too deep for the list: such a session is fetched.
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
  const snapshot = emptySnapshot();
  const intent = session.payment_intent;
  const latest = typeof intent === 'object' ? intent?.latest_charge : null;
  const charges = typeof latest === 'object' && latest !== null ? [latest] : [];
  for (const charge of charges) {
    await addCharge(stripe, snapshot, charge);
    if (!charge.disputed) continue;
    const disputes = eachListed((page) => stripe.disputes.list({ charge: charge.id, ...page }));
    for await (const dispute of disputes) snapshot.disputes.push(disputeRow(dispute));
  }
  const arrivedAt = arrivalOf(charges, null);
  snapshot.sessions.push(sessionRow(session, lines, { arrivedAt }));
  return snapshot;
}
