/*
 * What Stripe says in the end, by the letter, for the oracle: from the sandbox's own objects straight
 * to facts, without a database, an order of arrival or any code of the service.
 */
import type { CarryFact, Facts, PurchaseFact } from '../../../src/entitlements/core/facts.ts';
import type { Sandbox } from '../../../src/sandbox/sandbox.ts';

export function objectsOf(sandbox: Sandbox) {
  return sandbox.objects(
    'customers',
    'prices',
    'sessions',
    'sessionLines',
    'subscriptions',
    'subscriptionItems',
    'invoices',
    'invoicePayments',
    'charges',
    'refunds',
    'disputes',
    'balanceTransactions',
    'events',
  );
}

type Objects = ReturnType<typeof objectsOf>;

/** What the service was told and Stripe does not know. */
export type Ours = Pick<Facts, 'policy' | 'features' | 'grants' | 'revocations'> & {
  carries: Record<string, CarryFact>;
  /** The user of each session that was opened through the service. */
  sessionUsers: ReadonlyMap<string, string>;
  projectId: string;
};

export function factsOf(userId: string, stripe: Objects, ours: Ours): Facts {
  const { policy, features, carries, grants, revocations } = ours;
  return {
    policy,
    features,
    carries,
    grants,
    revocations,
    subscriptions: stripe.subscriptions
      .filter((subscription) => subscriptionUser(subscription, stripe, ours) === userId)
      .map((subscription) => subscriptionFact(subscription, stripe)),
    purchases: stripe.sessions
      .filter((session) => sessionUser(session, stripe, ours) === userId)
      .flatMap((session) => purchaseFacts(session, stripe)),
  };
}

type Session = Objects['sessions'][number];
type Charge = Objects['charges'][number];
type Dispute = Objects['disputes'][number];
type Subscription = Objects['subscriptions'][number];
type Metadata = Readonly<Record<string, string>> | null | undefined;

function claimed(metadata: Metadata, { projectId }: Ours): string | undefined {
  return metadata?.['project_id'] === projectId ? metadata['user_id'] : undefined;
}

function customerUser(id: string | null, stripe: Objects, ours: Ours): string | undefined {
  const opened = stripe.sessions.find(
    (session) => session.customer === id && ours.sessionUsers.has(session.id),
  );
  if (opened !== undefined && id !== null) return ours.sessionUsers.get(opened.id);
  return claimed(stripe.customers.find((customer) => customer.id === id)?.metadata, ours);
}

function sessionUser(session: Session, stripe: Objects, ours: Ours): string | undefined {
  return (
    ours.sessionUsers.get(session.id) ??
    claimed(session.metadata, ours) ??
    customerUser(session.customer, stripe, ours)
  );
}

function subscriptionUser(
  subscription: Subscription,
  stripe: Objects,
  ours: Ours,
): string | undefined {
  const opened = stripe.sessions.find((session) => session.subscription === subscription.id);
  return (
    (opened === undefined ? undefined : ours.sessionUsers.get(opened.id)) ??
    claimed(subscription.metadata, ours) ??
    customerUser(subscription.customer, stripe, ours)
  );
}

function subscriptionFact(subscription: Subscription, stripe: Objects) {
  const { id, status } = subscription;
  const invoices = stripe.invoices.filter(
    (invoice) => invoice.parent?.subscription_details?.subscription === id,
  );
  // In the order in which they were finalized; those of one second as they were made.
  const finalized = invoices
    .filter((invoice) => invoice.status_transitions.finalized_at !== null)
    .map((invoice) => ({ invoice, at: invoice.status_transitions.finalized_at ?? 0 }))
    .sort((a, b) => (a.at === b.at ? a.invoice.created - b.invoice.created : a.at - b.at));
  const paid = finalized.findLastIndex(({ invoice }) => invoice.status === 'paid');
  let debtAt: number | null = null;
  for (const { invoice, at } of finalized.slice(paid + 1)) {
    if (invoice.status !== 'open' && invoice.status !== 'uncollectible') continue;
    // An invoice that was given up before its payment was requested is no debt.
    if (invoice.status === 'uncollectible' && !invoice.attempted) continue;
    if (debtAt === null || at < debtAt) debtAt = at;
  }
  const owes = status === 'past_due' || status === 'unpaid';
  return {
    id,
    status,
    startDate: subscription.start_date * 1000,
    billingCycleAnchor: null,
    endedAt: ms(subscription.ended_at),
    cancelAt: ms(subscription.cancel_at),
    cancelAtPeriodEnd: subscription.cancel_at_period_end,
    canceledAt: ms(subscription.canceled_at),
    pausedAt: ms(subscription.status_details?.paused.transitioned_at ?? null),
    dunningAnchorAt: owes ? ms(debtAt) : null,
    items: stripe.subscriptionItems
      .filter((item) => item.subscription === id)
      .map((item) => ({
        id: item.id,
        priceId: item.price,
        productId: productOf(item.price, stripe),
        quantity: item.quantity ?? null,
        createdAt: item.created * 1000,
        currentPeriodEnd: item.current_period_end * 1000,
      })),
  };
}

function purchaseFacts(session: Session, stripe: Objects): PurchaseFact[] {
  if (session.status !== 'complete' || session.payment_status === 'unpaid') return [];
  const ofInvoice = session.mode === 'subscription';
  const intents = ofInvoice
    ? stripe.invoicePayments
        .filter((payment) => payment.invoice === session.invoice)
        .map((payment) => payment.payment.payment_intent)
    : [session.payment_intent];
  const paidBy = (intent: unknown) => intent !== null && intents.includes(intent as string); // never expanded here
  const charges = stripe.charges.filter(
    (charge) => paidBy(charge.payment_intent) && charge.status === 'succeeded',
  );
  const back = <R extends Objects['refunds'][number] | Objects['disputes'][number]>(
    rows: readonly R[],
    amountOf: (row: R) => number,
  ) =>
    rows
      .filter((row) => paidBy(row.payment_intent))
      .map((row) => ({
        id: row.id,
        amount: amountOf(row),
        status: row.status ?? 'pending',
        createdAt: row.created * 1000,
      }));
  return stripe.sessionLines
    .filter((line) => line.session === session.id)
    .filter((line) => stripe.prices.find(({ id }) => id === line.price)?.type === 'one_time')
    .map((line) => ({
      id: line.id,
      priceId: line.price,
      productId: productOf(line.price, stripe),
      quantity: line.quantity ?? 1,
      amount: line.amount_total,
      paymentAmount:
        charges.length === 0
          ? line.amount_total
          : charges.reduce((sum, charge) => sum + charge.amount, 0),
      purchasedAt: arrivalOf(session, charges, stripe) * 1000,
      refunds: back(stripe.refunds, ({ amount }) => amount),
      disputes: back(stripe.disputes, (dispute) => takenBy(dispute, stripe)),
      ofInvoice,
    }));
}

/**
 * What a dispute takes of its charge: the whole rest if the bank's amount is close to it or in another
 * currency.
 */
function takenBy(dispute: Dispute, stripe: Objects): number {
  const charge = stripe.charges.find(({ id }) => id === dispute.charge);
  if (charge === undefined) return dispute.amount;
  let gone = 0;
  for (const { charge: of, status, amount } of stripe.refunds) {
    if (of === charge.id && status !== 'failed' && status !== 'canceled') gone += amount;
  }
  for (const other of stripe.disputes) {
    if (other.charge !== charge.id || other.status !== 'lost' || other.id === dispute.id) continue;
    if (other.created > dispute.created) continue;
    if (other.created === dispute.created && other.id > dispute.id) continue;
    gone += takenBy(other, stripe);
  }
  const left = charge.amount - gone;
  if (left <= 0) return dispute.amount;
  return dispute.currency !== charge.currency || dispute.amount >= 0.95 * left
    ? left
    : dispute.amount;
}

/** When the money was there, epoch seconds: the last that Stripe says of it, but for what an hour delays. */
function arrivalOf(session: Session, charges: readonly Charge[], stripe: Objects): number {
  for (const { type, created, data } of stripe.events) {
    if (type !== 'checkout.session.async_payment_succeeded') continue;
    if (data.object['id'] === session.id) return created;
  }
  const invoice =
    session.mode === 'subscription'
      ? stripe.invoices.find(({ id }) => id === session.invoice)
      : undefined;
  const paidAt = invoice?.status_transitions.paid_at ?? null;
  if (charges.length === 0) return paidAt ?? session.created;
  let last = Math.max(...charges.map(({ created }) => created));
  const onTime = last + 3600;
  for (const { balance_transaction: id } of charges) {
    const booked = stripe.balanceTransactions.find((transaction) => transaction.id === id);
    if (booked !== undefined && booked.created > onTime && booked.created > last) {
      last = booked.created;
    }
  }
  return paidAt !== null && paidAt > onTime && paidAt > last ? paidAt : last;
}

function productOf(priceId: string, stripe: Objects): string {
  return String(stripe.prices.find(({ id }) => id === priceId)?.product);
}

function ms(seconds: number | null): number | null {
  return seconds === null ? null : seconds * 1000;
}

/** Every instant at which something of the facts begins or ends; far more than there are boundaries. */
export function instantsOf(facts: Facts): number[] {
  const dayMs = 86_400_000;
  const found = [
    ...facts.subscriptions.flatMap((subscription) => [
      subscription.startDate,
      subscription.endedAt,
      subscription.cancelAt,
      subscription.canceledAt,
      subscription.pausedAt,
      subscription.dunningAnchorAt,
      subscription.dunningAnchorAt === null
        ? null
        : subscription.dunningAnchorAt + facts.policy.graceDays * dayMs,
      ...subscription.items.flatMap((item) => [item.createdAt, item.currentPeriodEnd]),
    ]),
    ...facts.purchases.flatMap((purchase) => {
      const days = facts.carries[purchase.priceId]?.accessDays ?? null;
      const turns = facts.purchases.length;
      return [
        purchase.purchasedAt,
        ...(days === null
          ? []
          : Array.from({ length: turns }, (_, n) => purchase.purchasedAt + (n + 1) * days * dayMs)),
        ...purchase.refunds.map((refund) => refund.createdAt),
        ...purchase.disputes.map((dispute) => dispute.createdAt),
      ];
    }),
    ...facts.grants.flatMap((grant) => [grant.validFrom, grant.validTo, grant.endedAt]),
    ...facts.revocations.flatMap((one) => [one.validFrom, one.validTo, one.liftedAt]),
  ];
  return [...new Set(found.filter((at) => at !== null))].sort((a, b) => a - b);
}
