import type { Tx } from '../platform/database.ts';
import type {
  CarryFact,
  Facts,
  FeatureValue,
  GrantFact,
  PurchaseFact,
  RevocationFact,
  SubscriptionFact,
} from './facts.ts';
import { loadPayments, type Payments } from './payments.ts';

type Stored = Awaited<ReturnType<typeof loadRows>>;
type PurchaseRow = Stored['purchases'][number];
/** A price, and the product that it belonged to when it was sold. */
export interface Sold {
  priceId: string;
  productId: string;
}

type SubscriptionRow = Stored['subscriptions'][number];

async function loadRows(tx: Tx, uids: bigint[]) {
  const ofUsers = { where: { uid: { in: uids } } };
  return {
    subscriptions: await tx.subscription.findMany({ ...ofUsers, include: { items: true } }),
    purchases: await tx.purchase.findMany(ofUsers),
    // Only what facts say: some users have a thousand grants.
    grants: await tx.grant.findMany({
      ...ofUsers,
      select: {
        ...{ id: true, uid: true, featureCode: true, value: true, number: true },
        ...{ validFrom: true, validTo: true, endedAt: true },
      },
    }),
    revocations: await tx.revocation.findMany(ofUsers),
  };
}

/**
 * Everything that the timelines of these users of one project are computed from, a fixed number of
 * queries for any number of users. Consistent with the catalog under the project's lock, and with
 * the users' own facts under theirs.
 */
export async function loadFacts(
  tx: Tx,
  projectId: string,
  uids: bigint[],
): Promise<Map<bigint, Facts>> {
  const rows = await loadRows(tx, uids);
  const sold = [...rows.subscriptions.flatMap(({ items }) => items), ...rows.purchases];
  const catalog = await loadCatalog(tx, projectId, sold);
  const payments = await loadPayments(tx, rows.purchases);
  const facts = new Map<bigint, Facts>();
  for (const uid of uids) {
    facts.set(uid, {
      ...catalog,
      subscriptions: [],
      purchases: [],
      grants: [],
      revocations: [],
    });
  }
  for (const row of rows.subscriptions) {
    if (row.uid !== null) facts.get(row.uid)?.subscriptions.push(subscriptionFact(row));
  }
  for (const row of rows.purchases) {
    if (row.uid !== null) facts.get(row.uid)?.purchases.push(purchaseFact(row, payments));
  }
  for (const row of rows.grants) facts.get(row.uid)?.grants.push(grantFact(row));
  for (const row of rows.revocations) facts.get(row.uid)?.revocations.push(revocationFact(row));
  return facts;
}

/** The part of the facts that all users of a project share, `sold` being what of it they have. */
export async function loadCatalog(
  tx: Tx,
  projectId: string,
  sold: Sold[],
): Promise<Pick<Facts, 'policy' | 'features' | 'carries'>> {
  const project = await tx.project.findUniqueOrThrow({
    where: { id: projectId },
    include: { features: true },
  });
  return {
    policy: {
      graceDays: project.graceDays,
      refundFull: closed(project.refundFull, ['revoke', 'keep']),
      refundPartial: closed(project.refundPartial, ['keep', 'revoke']),
      disputeOpened: closed(project.disputeOpened, ['keep', 'suspend']),
    },
    features: project.features.map(({ code, type, merge, perQuantity }) => ({
      code,
      type: closed(type, ['boolean', 'limit', 'config']),
      merge: closed(merge, ['max', 'sum']),
      perQuantity,
    })),
    carries: await loadCarries(tx, projectId, sold),
  };
}

/** What each price in use carries in this project: its product's features, its own laid over them. */
async function loadCarries(
  tx: Tx,
  projectId: string,
  sold: Sold[],
): Promise<Record<string, CarryFact>> {
  if (sold.length === 0) return {};
  const products = await tx.product.findMany({
    where: { projectId, id: { in: [...new Set(sold.map(({ productId }) => productId))] } },
    include: { features: true },
  });
  const prices = await tx.price.findMany({
    where: { id: { in: [...new Set(sold.map(({ priceId }) => priceId))] } },
    include: { features: { where: { projectId } } },
  });
  const productById = new Map(products.map((product) => [product.id, product]));
  const priceById = new Map(prices.map((price) => [price.id, price]));
  const carries: Record<string, CarryFact> = {};
  for (const { priceId, productId } of sold) {
    const product = productById.get(productId);
    if (product === undefined) continue;
    const price = priceById.get(priceId);
    carries[priceId] = {
      priceId,
      productId,
      rank: price?.rank ?? product.rank,
      accessDays: price?.accessDays ?? null,
      features: Object.fromEntries(
        [...product.features, ...(price?.features ?? [])].map(({ featureCode, value }) => [
          featureCode,
          value as FeatureValue, // jsonb holds JSON values only
        ]),
      ),
    };
  }
  return carries;
}

function subscriptionFact(row: SubscriptionRow): SubscriptionFact {
  return {
    id: row.id,
    status: row.effectiveStatus,
    startDate: row.startDate.getTime(),
    endedAt: instant(row.endedAt),
    cancelAt: instant(row.cancelAt),
    cancelAtPeriodEnd: row.cancelAtPeriodEnd,
    canceledAt: instant(row.canceledAt),
    pausedAt: instant(row.pausedAt),
    dunningAnchorAt: instant(row.dunningAnchorAt),
    items: row.items.map((item) => ({
      id: item.id,
      priceId: item.priceId,
      productId: item.productId,
      quantity: item.quantity,
      createdAt: item.createdAt.getTime(),
      currentPeriodEnd: item.currentPeriodEnd.getTime(),
    })),
  };
}

function purchaseFact(row: PurchaseRow, payments: Payments): PurchaseFact {
  const payment = payments.of(row);
  return {
    id: row.id,
    priceId: row.priceId,
    productId: row.productId,
    quantity: row.quantity,
    amount: Number(row.amount),
    paymentAmount: payment.amount ?? Number(row.amount),
    purchasedAt: row.purchasedAt.getTime(),
    refunds: payment.refunds,
    disputes: payment.disputes,
    ofInvoice: row.invoiceId !== null,
  };
}

function grantFact(row: Stored['grants'][number]): GrantFact {
  return {
    id: row.id,
    featureCode: row.featureCode,
    value: row.value as FeatureValue, // jsonb holds JSON values only
    validFrom: row.validFrom.getTime(),
    validTo: instant(row.validTo),
    endedAt: instant(row.endedAt),
    number: Number(row.number),
  };
}

function revocationFact(row: Stored['revocations'][number]): RevocationFact {
  return {
    id: row.id,
    featureCode: row.featureCode,
    validFrom: row.validFrom.getTime(),
    validTo: instant(row.validTo),
    liftedAt: instant(row.liftedAt),
    number: Number(row.number),
    recordedAt: row.createdAt.getTime(),
    block: row.block,
  };
}

function instant(date: Date | null): number | null {
  return date?.getTime() ?? null;
}

/** A word of a list that the database checks. */
function closed<const T extends string>(word: string, words: readonly T[]): T {
  const found = words.find((candidate) => candidate === word);
  if (found === undefined)
    throw new Error(`the database holds '${word}' where one of ${words.join(', ')} is expected`);
  return found;
}
