import { instant } from './calendar.ts';
import { kinds } from './prices.ts';
import type { Random } from './random.ts';
import type { Tables } from './tables.ts';

/** Of a subscription, with its payments and what was taken back of them. */
export function addBill(
  tables: Tables,
  random: Random,
  name: string,
  subscriptionId: string,
  customerId: string,
  currency: string,
): void {
  const intents = random.percent(10) ? [`pi_${name}`, `pi_${name}_rest`] : [`pi_${name}`];
  addInvoice(tables, random, name, { subscriptionId, customerId, currency }, intents);
  for (const intent of intents) addReversals(tables, random, intent, intent, currency);
}

function addInvoice(
  tables: Tables,
  random: Random,
  name: string,
  of: { subscriptionId: string | null; customerId: string; currency: string },
  intents: readonly string[],
): void {
  const status = random.pick([
    'paid',
    'paid',
    'paid',
    'paid',
    'open',
    'void',
    'uncollectible',
    'draft',
  ]);
  const id = `in_${name}`;
  const paid = status === 'paid';
  const amountPaid = BigInt(paid ? random.pick([0, 1, 999, 12_345]) : random.pick([0, 50]));
  const finalizedAt = instant(random);
  tables.invoices.push({
    id,
    ...of,
    status,
    amountDue: amountPaid,
    amountPaid,
    total: amountPaid,
    attemptCount: 1,
    paymentFailed: random.percent(25),
    createdAt: finalizedAt,
    finalizedAt: status === 'draft' ? null : finalizedAt,
    paidAt: paid ? instant(random, finalizedAt.getTime()) : null,
  });
  for (const paymentIntentId of intents) {
    const payment = { id: `inpay_${paymentIntentId}`, invoiceId: id, paymentIntentId };
    tables.invoice_payments.push({ ...payment, status: 'paid' });
  }
}

/** A checkout of one-time prices, some with a receipt. */
export function addSession(tables: Tables, random: Random, index: number): void {
  const id = `cs_${index}`;
  const currency = random.pick(['usd', 'eur', 'jpy', 'kwd']);
  const uid = BigInt(random.integer(1, 900));
  const owner = random.pick(['session', 'session', 'purchase', 'customer', 'nobody'] as const);
  const createdAt = instant(random);
  const intentId = `pi_once_${index}`;
  // A receipt may name the payment, the checkout may name it, or both.
  const receipt = random.pick(['named', 'paid', 'both', 'none', 'none', 'none', 'none'] as const);
  const total = BigInt(random.pick([0, 500, 2_500, 99_999]));
  const customerId = owner === 'customer' ? `cus_${uid}` : null;
  tables.checkout_sessions.push({
    id,
    uid: owner === 'session' ? uid : null,
    mode: random.pick(['payment', 'payment', 'payment', 'setup']),
    status: random.pick(['complete', 'complete', 'complete', 'expired']),
    paymentStatus: random.pick(['paid', 'paid', 'paid', 'unpaid']),
    customerId,
    paymentIntentId: intentId,
    invoiceId: receipt === 'named' || receipt === 'both' ? `in_once_${index}` : null,
    amountTotal: total,
    currency,
    createdAt,
  });
  const purchasedAt = random.percent(30) ? instant(random, createdAt.getTime()) : createdAt;
  for (let line = 0; line < random.integer(1, 2); line += 1) {
    const kind = random.pick(Object.keys(kinds));
    tables.purchases.push({
      id: `li_${index}_${line}`,
      sessionId: id,
      uid: owner === 'session' || owner === 'purchase' ? uid : null,
      priceId: `price_${kind}`,
      productId: `prod_${kind}`,
      quantity: 1,
      amount: total,
      currency,
      paymentIntentId: intentId,
      purchasedAt,
    });
  }
  if (receipt !== 'none') {
    const buyer = { subscriptionId: null, customerId: customerId ?? 'cus_nobody', currency };
    const intents = receipt === 'named' ? [] : [intentId];
    addInvoice(tables, random, `once_${index}`, buyer, intents);
  }
  addReversals(tables, random, `once_${index}`, intentId, currency);
}

const refundStatuses = [
  'succeeded',
  'succeeded',
  'pending',
  'requires_action',
  'failed',
  'canceled',
] as const;

const disputeStatuses = ['lost', 'lost', 'won', 'needs_response', 'warning_closed'] as const;

/** A status, or one that nobody knows in place of it. */
function known(random: Random, status: string): { status: string; knownStatus: string | null } {
  return random.percent(20)
    ? { status: 'on_the_moon', knownStatus: random.percent(80) ? status : null }
    : { status, knownStatus: null };
}

function addReversals(
  tables: Tables,
  random: Random,
  name: string,
  intentId: string,
  currency: string,
): void {
  const chargeId = `ch_${name}`;
  const createdAt = instant(random);
  tables.charges.push({
    id: chargeId,
    paymentIntentId: intentId,
    amount: 500n,
    amountRefunded: 0n,
    currency,
    status: 'succeeded',
    createdAt,
  });
  // The intent may be known from the charge only.
  const named = random.percent(80) ? intentId : null;
  if (random.percent(15)) {
    tables.refunds.push({
      id: `re_${name}`,
      chargeId,
      paymentIntentId: named,
      amount: BigInt(random.integer(1, 900)),
      currency,
      ...known(random, random.pick(refundStatuses)),
      createdAt: instant(random),
    });
  }
  if (random.percent(15)) {
    tables.disputes.push({
      id: `dp_${name}`,
      chargeId,
      paymentIntentId: named,
      amount: BigInt(random.integer(1, 900)),
      currency: random.percent(70) ? currency : 'usd',
      ...known(random, random.pick(disputeStatuses)),
      createdAt: instant(random),
    });
  }
}
