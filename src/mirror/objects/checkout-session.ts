import type Stripe from 'stripe';
import { ofOnly, wholeList } from '../../platform/stripe-lists.ts';
import { optionalReference, sessionRow } from '../core/from-stripe.ts';
import { arrivalOf } from '../core/money-from-stripe.ts';
import { isMissing, unlessMissing } from '../failures.ts';
import { whereAllowed } from '../optional-expansion.ts';
import { addCharge, fetchCharge } from './charge.ts';
import {
  customerObject,
  type FollowedObject,
  related,
  upsertOf,
  whereIn,
} from './followed-object.ts';
import { fetchInvoice } from './invoice.ts';
import { fetchSubscription } from './subscription.ts';

export const checkoutSession: FollowedObject<'checkout.session'> = {
  async fetch(stripe, snapshot, id) {
    const session = await stripe.checkout.sessions.retrieve(id, { expand: ['line_items'] });
    const lines = await wholeList(session.line_items, (page) =>
      stripe.checkout.sessions.listLineItems(id, page),
    );
    const subscriptionId = optionalReference(session.subscription);
    if (subscriptionId !== null) {
      const subscription = { objectType: 'subscription', objectId: subscriptionId } as const;
      await unlessMissing(snapshot.unconfirmed, subscription, () =>
        fetchSubscription(stripe, snapshot, subscriptionId),
      );
    }
    const invoiceId = optionalReference(session.invoice);
    const oneTime = lines.some((line) => line.price?.type === 'one_time');
    const invoice =
      invoiceId !== null && oneTime
        ? await unlessMissing(
            snapshot.unconfirmed,
            { objectType: 'invoice', objectId: invoiceId },
            () => fetchInvoice(stripe, snapshot, invoiceId),
          )
        : null;
    const intentIds = [
      optionalReference(session.payment_intent),
      ...(invoice?.payments.map((payment) => payment.paymentIntentId) ?? []),
    ].filter((intentId) => intentId !== null);
    const charges: Stripe.Charge[] = [];
    for (const intentId of new Set(intentIds)) {
      const charge = await fetchLatestCharge(stripe, intentId);
      if (charge === null) continue;
      await addCharge(stripe, snapshot, charge);
      charges.push(charge);
    }
    // In payment mode the invoice is only a receipt.
    const invoicePaidAt = session.mode === 'subscription' ? (invoice?.paidAt ?? null) : null;
    const arrivedAt = arrivalOf(charges, invoicePaidAt);
    snapshot['checkout.session'].push(sessionRow(session, lines, { arrivedAt }));
  },
  links: (row) => ({
    customer: row.customerId,
    intents: [row.paymentIntentId],
    invoices: [row.invoiceId],
    related: related('subscription', row.subscriptionId),
  }),
  /** A paid line remains a purchase even if the money is returned. Refunds and disputes record that. */
  async store(tx, { purchases, priceIds, ...data }) {
    await tx.checkoutSession.upsert(upsertOf(data));
    for (const purchase of purchases) await tx.purchase.upsert(upsertOf(purchase));
    return [];
  },
  load: (tx, rows) =>
    tx.checkoutSession.findMany({ ...whereIn(rows), include: { purchases: true } }),
  ofCustomer: (stripe, customer) => async (page) => {
    const expand = ['data.line_items'];
    const sessions = { customer, status: 'complete', expand } as const;
    const listed = await stripe.checkout.sessions.list({ ...sessions, ...page });
    const linesOf = ({ line_items: lines }: Stripe.Checkout.Session) => lines?.data ?? [];
    return { ...listed, data: listed.data.map((one) => customerObject(one, linesOf(one))) };
  },
};

/**
 * Fetches the latest charge; null if the payment has no charge yet or Stripe does not know the payment. The
 * session's own fields apply in that case.
 */
async function fetchLatestCharge(stripe: Stripe, intentId: string): Promise<Stripe.Charge | null> {
  try {
    const { latest_charge: charge } = await whereAllowed(
      ['latest_charge.balance_transaction'],
      ['latest_charge.refunds'],
      (expand) => stripe.paymentIntents.retrieve(intentId, { expand }),
    );
    const latest = typeof charge === 'string' ? await fetchCharge(stripe, charge) : charge;
    if (latest !== null) {
      ofOnly(intentId, [latest], (shown) => optionalReference(shown.payment_intent));
    }
    return latest;
  } catch (error) {
    if (!isMissing(error)) throw error;
    return null;
  }
}
