import type { Prisma } from '../../../src/generated/prisma/client.ts';
import type { Database } from '../../../src/platform/database.ts';
import { Random } from './random.ts';

/*
 * A year of two projects' business, written straight into the mirror: every status, interval, way of
 * pricing, currency and discount, owners of all kinds and none, and many instants on the bounds of months.
 */

export const yearStart = Date.parse('2026-01-01T00:00:00.000Z');
/** When the reports are made. */
export const yearNow = Date.parse('2026-12-30T12:00:00.000Z');

const day = 86_400_000;
const subscriptions = 2_000;
const sessions = 700;
const projects = ['alpha', 'beta'] as const;

/** By the names in the database, each after those that it refers to. */
interface Tables {
  users: Prisma.UserCreateManyInput[];
  customers: Prisma.CustomerCreateManyInput[];
  subscriptions: Prisma.SubscriptionCreateManyInput[];
  subscription_items: Prisma.SubscriptionItemCreateManyInput[];
  subscription_discounts: Prisma.SubscriptionDiscountCreateManyInput[];
  invoices: Prisma.InvoiceCreateManyInput[];
  invoice_payments: Prisma.InvoicePaymentCreateManyInput[];
  checkout_sessions: Prisma.CheckoutSessionCreateManyInput[];
  purchases: Prisma.PurchaseCreateManyInput[];
  charges: Prisma.ChargeCreateManyInput[];
  refunds: Prisma.RefundCreateManyInput[];
  disputes: Prisma.DisputeCreateManyInput[];
  grants: Prisma.GrantCreateManyInput[];
  entitlement_segments: Prisma.EntitlementSegmentCreateManyInput[];
}

/** Prices of every kind; each belongs to a product of its own. */
const kinds: Record<
  string,
  Omit<Prisma.PriceCreateManyInput, 'id' | 'productId' | 'active' | 'type'>
> = {
  month: {
    currency: 'usd',
    unitAmount: 1_000n,
    unitAmountDecimal: '1000',
    interval: 'month',
    intervalCount: 1,
  },
  year: {
    currency: 'usd',
    unitAmount: 9_999n,
    unitAmountDecimal: '9999',
    interval: 'year',
    intervalCount: 1,
  },
  quarter: { currency: 'usd', unitAmount: 3_100n, interval: 'month', intervalCount: 3 },
  week: {
    currency: 'eur',
    unitAmount: 701n,
    unitAmountDecimal: '701',
    interval: 'week',
    intervalCount: 1,
  },
  fortnight: { currency: 'eur', unitAmount: 1_303n, interval: 'week', intervalCount: 2 },
  day: {
    currency: 'jpy',
    unitAmount: 101n,
    unitAmountDecimal: '101',
    interval: 'day',
    intervalCount: 1,
  },
  yen: { currency: 'jpy', unitAmount: 1_000n, interval: 'year', intervalCount: 1 },
  dinar: { currency: 'kwd', unitAmount: 5_125n, interval: 'month', intervalCount: 2 },
  fraction: { currency: 'usd', unitAmountDecimal: '1.0375', interval: 'month', intervalCount: 1 },
  pack: {
    currency: 'usd',
    unitAmount: 2_000n,
    interval: 'month',
    intervalCount: 1,
    divideQuantityBy: 5,
    roundQuantity: 'up',
  },
  down: {
    currency: 'usd',
    unitAmount: 2_100n,
    interval: 'month',
    intervalCount: 1,
    divideQuantityBy: 4,
    roundQuantity: 'down',
  },
  volume: {
    currency: 'usd',
    interval: 'month',
    intervalCount: 1,
    tiersMode: 'volume',
    tiers: tiers(''),
  },
  graduated: {
    currency: 'usd',
    interval: 'year',
    intervalCount: 2,
    tiersMode: 'graduated',
    tiers: tiers('.35'),
  },
  unfetched: { currency: 'usd', interval: 'month', intervalCount: 1, tiersMode: 'graduated' },
  metered: {
    currency: 'usd',
    unitAmount: 7n,
    interval: 'month',
    intervalCount: 1,
    usageType: 'metered',
  },
  everywhere: {
    currency: 'usd',
    unitAmount: 1_500n,
    interval: 'month',
    intervalCount: 1,
    currencyOptions: { eur: { unitAmount: '1399.5', tiers: null } },
  },
};

function tiers(decimals: string) {
  return [
    { upTo: 5, unitAmount: `500${decimals}`, flatAmount: null },
    { upTo: 12, unitAmount: `400${decimals}`, flatAmount: '150' },
    { upTo: null, unitAmount: `300${decimals}`, flatAmount: '90.5' },
  ];
}

/** Those that a subscription in the currency can have. */
function kindsIn(currency: string): string[] {
  return Object.entries(kinds)
    .filter(
      ([name, kind]) => kind.currency === currency || (name === 'everywhere' && currency === 'eur'),
    )
    .map(([name]) => name);
}

/** The same year for the same seed. The projects have to be there. */
export async function writeYear(database: Database, seed: number): Promise<void> {
  const { prisma } = database;
  const random = new Random(seed);
  for (const [name, kind] of Object.entries(kinds)) {
    // One in four kinds is sold by a product that nobody took.
    const owner = ['alpha', 'beta', 'alpha', null][Object.keys(kinds).indexOf(name) % 4] ?? null;
    const product = { id: `prod_${name}`, projectId: owner, name, active: true };
    await prisma.product.create({
      data: { ...product, takenAt: owner === null ? null : new Date(yearStart) },
    });
    const price = { id: `price_${name}`, productId: product.id, active: true, type: 'recurring' };
    await prisma.price.create({ data: { ...price, ...kind } });
  }
  const tables: Tables = {
    users: [],
    customers: [],
    subscriptions: [],
    subscription_items: [],
    subscription_discounts: [],
    invoices: [],
    invoice_payments: [],
    checkout_sessions: [],
    purchases: [],
    charges: [],
    refunds: [],
    disputes: [],
    grants: [],
    entitlement_segments: [],
  };
  for (let uid = 1; uid <= 900; uid += 1) addUser(tables, random, uid);
  for (let index = 0; index < subscriptions; index += 1) addSubscription(tables, random, index);
  for (let index = 0; index < sessions; index += 1) addSession(tables, random, index);
  for (const projectId of projects) {
    for (const code of ['export', 'seats', 'retired', 'unused']) {
      const archivedAt = code === 'retired' ? new Date(yearStart) : null;
      const feature = { projectId, code, name: code, type: 'boolean', archivedAt };
      await prisma.feature.create({ data: { ...feature, createdAt: new Date(yearStart) } });
    }
  }
  for (const [table, rows] of Object.entries<readonly object[]>({ ...tables }))
    await insert(database, table, rows);
  // The planner has to know how much there is; the server would find out within a minute.
  await database.pool.query('analyze');
}

/** All rows in one statement: many small ones would take longer than all that is tested. */
async function insert(database: Database, table: string, rows: readonly object[]): Promise<void> {
  const snakeCase = (name: string): string => name.replaceAll(/[A-Z]/g, '_$&').toLowerCase();
  const named = rows.map((row) =>
    Object.fromEntries(
      Object.entries(row).map(([name, value]) => [snakeCase(name), toJson(value)]),
    ),
  );
  const columns = [...new Set(named.flatMap((row) => Object.keys(row)))].join(', ');
  await database.pool.query(
    `insert into ${table} (${columns})
     select ${columns} from jsonb_populate_recordset(null::${table}, $1::jsonb)`,
    [JSON.stringify(named)],
  );
}

function toJson(value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}

/** Whole seconds, as Stripe's; one in five is the beginning of a month, where windows begin and end. */
function instant(random: Random, from = yearStart, to = yearNow): Date {
  const at = random.percent(20)
    ? Date.UTC(2026, random.integer(0, 11), 1)
    : yearStart + random.integer(0, 364) * day + random.integer(0, 86_399) * 1_000;
  return new Date(Math.max(from, Math.min(to, at)));
}

function addUser(tables: Tables, random: Random, uid: number): void {
  const projectId = random.pick(projects);
  const user = { uid: BigInt(uid), projectId, userId: `u_${uid}` };
  tables.users.push({ ...user, createdAt: new Date(yearStart) });
  const customer = { id: `cus_${uid}`, uid: user.uid, linkedBy: 'checkout' };
  tables.customers.push({ ...customer, createdAt: new Date(yearStart) });
  for (const featureCode of ['export', 'seats', 'retired']) {
    const validFrom = instant(random);
    const validTo = random.percent(50)
      ? null
      : new Date(validFrom.getTime() + random.integer(1, 200) * day);
    const allowed = random.percent(80);
    tables.entitlement_segments.push({
      uid: user.uid,
      projectId,
      featureCode,
      featureType: 'boolean',
      allowed,
      reason: allowed ? 'granted' : 'expired',
      ...(allowed ? { value: true } : {}),
      sources: [],
      validFrom,
      validTo,
      recordedAt: validFrom,
      supersededAt: random.percent(20) ? new Date(validFrom.getTime() + day) : null,
    });
    if (!random.percent(30)) continue;
    tables.grants.push({
      id: `gr_${uid}_${featureCode}`,
      uid: user.uid,
      projectId,
      featureCode,
      value: true,
      validFrom,
      validTo,
      endedAt: random.percent(20) ? instant(random) : null,
      reason: 'test',
      auditId: 'au_1',
      createdAt: validFrom,
    });
  }
}

const statuses = [
  'active',
  'active',
  'active',
  'active',
  'canceled',
  'canceled',
  'canceled',
  'past_due',
  'trialing',
  'unpaid',
  'paused',
  'incomplete',
  'incomplete_expired',
  'dormant',
] as const;

function addSubscription(tables: Tables, random: Random, index: number): void {
  const id = `sub_${index}`;
  const status = random.pick(statuses);
  const currency = random.pick(['usd', 'usd', 'eur', 'jpy', 'kwd']);
  // Few users, so that many come back, and have two at once.
  const uid = random.integer(1, 900);
  const owned = !random.percent(15);
  const customerId = owned ? `cus_${uid}` : `cus_guest_${random.integer(1, 60)}`;
  const startDate = instant(random);
  const endedAt =
    status === 'canceled' && !random.percent(5) ? instant(random, startDate.getTime()) : null;
  const hasTrial = status === 'trialing' || random.percent(20);
  tables.subscriptions.push({
    id,
    uid: owned ? BigInt(uid) : null,
    customerId,
    status,
    effectiveStatus: status === 'dormant' ? random.pick(['active', 'canceled']) : status,
    currency,
    collectionMethod: 'charge_automatically',
    createdAt: startDate,
    startDate,
    endedAt,
    cancelAtPeriodEnd: false,
    canceledAt:
      status === 'canceled' && random.percent(50) ? instant(random, startDate.getTime()) : null,
    trialStart: hasTrial ? startDate : null,
    trialEnd: hasTrial ? new Date(startDate.getTime() + random.integer(1, 60) * day) : null,
    collectionPaused: random.percent(10),
  });
  const count = random.pick([1, 1, 1, 2, 3]);
  for (let position = 0; position < count; position += 1) {
    const kind = random.percent(3) ? 'unheard_of' : random.pick(kindsIn(currency));
    const itemId = `si_${index}_${position}`;
    tables.subscription_items.push({
      id: itemId,
      subscriptionId: id,
      priceId: `price_${kind}`,
      productId: `prod_${kind}`,
      quantity: kind === 'metered' ? null : random.pick([1, 1, 1, 2, 5, 6, 12, 13, 37, 0]),
      createdAt: startDate,
      currentPeriodStart: startDate,
      currentPeriodEnd: startDate,
      position,
    });
    if (random.percent(10)) addDiscount(tables, random, id, itemId, 0, currency);
  }
  const stacked = random.pick([0, 0, 0, 1, 2, 3]);
  for (let position = 0; position < stacked; position += 1) {
    addDiscount(tables, random, id, null, position, currency);
  }
  for (let number = random.integer(0, 4); number > 0; number -= 1) {
    addInvoice(
      tables,
      random,
      `${index}_${number}`,
      random.percent(3) ? 'sub_elsewhere' : id,
      customerId,
      currency,
    );
  }
}

function addDiscount(
  tables: Tables,
  random: Random,
  subscriptionId: string,
  itemId: string | null,
  position: number,
  currency: string,
): void {
  const off = random.percent(50)
    ? { percentOff: random.pick(['10', '50', '33.33', '100']) }
    : {
        amountOff: BigInt(random.pick([1, 250, 3_000])),
        currency: random.pick([currency, currency, 'sek']),
      };
  tables.subscription_discounts.push({
    id: `di_${subscriptionId}_${itemId ?? 'all'}_${position}`,
    subscriptionId,
    itemId,
    position,
    couponId: 'coupon',
    duration: random.pick(['forever', 'forever', 'repeating', 'once']),
    endAt: random.pick([null, null, new Date(yearNow), new Date(yearNow + 1), instant(random)]),
    ...off,
  });
}

function addInvoice(
  tables: Tables,
  random: Random,
  name: string,
  subscriptionId: string | null,
  customerId: string,
  currency: string,
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
    customerId,
    subscriptionId,
    status,
    currency,
    amountDue: amountPaid,
    amountPaid,
    total: amountPaid,
    attemptCount: 1,
    paymentFailed: random.percent(25),
    createdAt: finalizedAt,
    finalizedAt: status === 'draft' ? null : finalizedAt,
    paidAt: paid ? instant(random, finalizedAt.getTime()) : null,
  });
  const intentId = `pi_${name}`;
  tables.invoice_payments.push({
    id: `inpay_${name}`,
    invoiceId: id,
    paymentIntentId: intentId,
    status: 'paid',
  });
  addReversals(tables, random, name, intentId, currency);
}

function addSession(tables: Tables, random: Random, index: number): void {
  const id = `cs_${index}`;
  const currency = random.pick(['usd', 'eur', 'jpy', 'kwd']);
  const uid = BigInt(random.integer(1, 900));
  const owner = random.pick(['session', 'session', 'purchase', 'customer', 'nobody'] as const);
  const createdAt = instant(random);
  const intentId = `pi_once_${index}`;
  const receipt = random.percent(20);
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
    invoiceId: receipt ? `in_once_${index}` : null,
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
  if (receipt)
    addInvoice(tables, random, `once_${index}`, null, customerId ?? 'cus_nobody', currency);
  addReversals(tables, random, `once_${index}_direct`, intentId, currency);
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
      status: random.pick([
        'succeeded',
        'succeeded',
        'pending',
        'requires_action',
        'failed',
        'canceled',
      ]),
      createdAt: instant(random),
    });
  }
  if (random.percent(8)) {
    tables.disputes.push({
      id: `dp_${name}`,
      chargeId,
      paymentIntentId: named,
      amount: BigInt(random.integer(1, 900)),
      currency: random.pick([currency, 'usd']),
      status: random.pick(['lost', 'lost', 'won', 'needs_response', 'warning_closed']),
      createdAt: instant(random),
    });
  }
}
