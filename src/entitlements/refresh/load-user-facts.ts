import { sqlText, type Tx } from '../../platform/database.ts';
import type { PurchaseFact, UserFacts } from '../core/facts.ts';
import { milliseconds } from '../read/stored-timeline.ts';
import { loadPayments, type Payments } from './load-payments.ts';

type PaymentFact = 'paymentAmount' | 'refunds' | 'disputes' | 'ofInvoice';

interface PurchaseRow extends Omit<PurchaseFact, PaymentFact> {
  paymentIntentId: string | null;
  invoiceId: string | null;
}

interface Row extends Omit<UserFacts, 'purchases'> {
  uid: bigint;
  purchases: PurchaseRow[];
}

/** Returns SQL for rows as a JSON list of objects. `columns` maps the fields of the objects to SQL. */
function listSql(columns: Record<string, string>, from: string): string {
  const fields = Object.entries(columns).map(([name, column]) => `'${name}', ${column}`);
  return `(select coalesce(json_agg(json_build_object(${fields.join(', ')})), '[]') from ${from})`;
}

const items = listSql(
  {
    id: 'id',
    priceId: 'price_id',
    productId: 'product_id',
    quantity: 'quantity',
    createdAt: milliseconds('created_at'),
    currentPeriodEnd: milliseconds('current_period_end'),
  },
  'subscription_items where subscription_id = s.id',
);

const subscriptions = listSql(
  {
    id: 's.id',
    status: 's.effective_status',
    startDate: milliseconds('s.start_date'),
    billingCycleAnchor: milliseconds('s.billing_cycle_anchor'),
    endedAt: milliseconds('s.ended_at'),
    cancelAt: milliseconds('s.cancel_at'),
    cancelAtPeriodEnd: 's.cancel_at_period_end',
    canceledAt: milliseconds('s.canceled_at'),
    pausedAt: milliseconds('s.paused_at'),
    dunningAnchorAt: milliseconds('s.dunning_anchor_at'),
    items,
  },
  'subscriptions s where s.uid = u.uid',
);

const purchases = listSql(
  {
    id: 'id',
    priceId: 'price_id',
    productId: 'product_id',
    quantity: 'quantity',
    amount: 'amount',
    purchasedAt: milliseconds('purchased_at'),
    paymentIntentId: 'payment_intent_id',
    invoiceId: 'invoice_id',
  },
  'purchases where uid = u.uid',
);

const grants = listSql(
  {
    id: 'id',
    featureCode: 'feature_code',
    value: 'value',
    validFrom: milliseconds('valid_from'),
    validTo: milliseconds('valid_to'),
    endedAt: milliseconds('ended_at'),
    number: 'number',
  },
  'grants where uid = u.uid',
);

const revocations = listSql(
  {
    id: 'id',
    featureCode: 'feature_code',
    validFrom: milliseconds('valid_from'),
    validTo: milliseconds('valid_to'),
    liftedAt: milliseconds('lifted_at'),
    number: 'number',
    recordedAt: milliseconds('created_at'),
    block: 'block',
  },
  'revocations where uid = u.uid',
);

const factsSql = sqlText(`
  u.uid, ${subscriptions} as subscriptions, ${purchases} as purchases,
  ${grants} as grants, ${revocations} as revocations`);

/**
 * Loads each user's own facts; none for an unknown user. A single query returns them as JSON, because one
 * Prisma row per fact costs several times as much.
 */
export async function loadUserFacts(tx: Tx, uids: bigint[]): Promise<Map<bigint, UserFacts>> {
  const rows = await tx.$queryRaw<Row[]>`
    select ${factsSql} from unnest(${uids}::bigint[]) as u (uid)`;
  const payments = await loadPayments(
    tx,
    rows.flatMap((row) => row.purchases),
  );
  return new Map(
    rows.map(({ uid, ...row }) => [
      uid,
      { ...row, purchases: row.purchases.map((purchase) => purchaseFact(purchase, payments)) },
    ]),
  );
}

function purchaseFact(
  { paymentIntentId, invoiceId, ...row }: PurchaseRow,
  payments: Payments,
): PurchaseFact {
  const { amount, refunds, disputes } = payments.of({ paymentIntentId, invoiceId });
  return {
    ...row,
    paymentAmount: amount ?? row.amount,
    refunds,
    disputes,
    ofInvoice: invoiceId !== null,
  };
}
