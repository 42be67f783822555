import type { DeletedRow, PriceRow, ProductRow } from '../../catalog/core/from-stripe.ts';
import type { SyncedType } from '../../webhook/core/events.ts';

/*
 * The mirror's rows, one type per table. Amounts are minor units of their currency. Stripe does not say who
 * owns them: owner.ts decides.
 */

/** The row of each followed object, with the rows that belong to it. */
export interface RowOf {
  product: ProductRow | DeletedRow;
  price: PriceRow | DeletedRow;
  customer: CustomerRow;
  subscription: SubscriptionRow;
  'checkout.session': SessionRow;
  charge: ChargeRow;
  dispute: DisputeRow;
  invoice: InvoiceRow;
  entitlement_summary: SummaryRow;
}

/** The objects whose own metadata may name their owner. Each has a table with a `uid`. */
export type OwnedType = {
  [T in SyncedType]: RowOf[T] extends { metadataProjectId: string | null } ? T : never;
}[SyncedType];

export interface CustomerRow {
  id: string;
  email: string | null;
  deleted: boolean;
  metadataProjectId: string | null;
  metadataUserId: string | null;
  /** Null for a deleted customer. */
  createdAt: Date | null;
}

export interface SubscriptionRow {
  id: string;
  customerId: string;
  status: string;
  currency: string;
  collectionMethod: string;
  createdAt: Date;
  startDate: Date;
  endedAt: Date | null;
  cancelAt: Date | null;
  cancelAtPeriodEnd: boolean;
  canceledAt: Date | null;
  trialStart: Date | null;
  trialEnd: Date | null;
  pausedAt: Date | null;
  collectionPaused: boolean;
  dunningAnchorAt: Date | null;
  metadataProjectId: string | null;
  metadataUserId: string | null;
  items: SubscriptionItemRow[];
  /** Absent if they were not fetched: the stored ones stay. */
  discounts?: DiscountRow[];
}

/** The discount of a coupon on a subscription, or on one of its items. */
export interface DiscountRow {
  /** The discounted object and the position there: one discount of Stripe's may be on several objects. */
  id: string;
  subscriptionId: string;
  itemId: string | null;
  position: number;
  couponId: string;
  /** A decimal number. Null, as is the amount, if Stripe does not return the coupon. */
  percentOff: string | null;
  amountOff: bigint | null;
  currency: string | null;
  duration: string;
  endAt: Date | null;
}

interface SubscriptionItemRow {
  id: string;
  subscriptionId: string;
  priceId: string;
  productId: string;
  quantity: number | null;
  createdAt: Date;
  currentPeriodStart: Date;
  currentPeriodEnd: Date;
  position: number;
}

export interface SessionRow {
  id: string;
  mode: string;
  status: string | null;
  paymentStatus: string;
  customerId: string | null;
  clientReferenceId: string | null;
  /** Of all its lines. Not stored. */
  priceIds: string[];
  paymentIntentId: string | null;
  subscriptionId: string | null;
  invoiceId: string | null;
  amountTotal: bigint | null;
  currency: string | null;
  createdAt: Date;
  metadataProjectId: string | null;
  metadataUserId: string | null;
  purchases: PurchaseRow[];
}

export interface PurchaseRow {
  id: string;
  sessionId: string;
  priceId: string;
  productId: string;
  quantity: number;
  amount: bigint;
  currency: string;
  paymentIntentId: string | null;
  invoiceId: string | null;
  purchasedAt: Date;
}

interface MoneyRow {
  id: string;
  paymentIntentId: string | null;
  amount: bigint;
  currency: string;
  status: string;
  createdAt: Date;
}

export interface ChargeRow extends MoneyRow {
  customerId: string | null;
  amountRefunded: bigint;
  refunds: RefundRow[];
}

export interface RefundRow extends MoneyRow {
  chargeId: string | null;
}

export interface DisputeRow extends MoneyRow {
  chargeId: string;
}

export interface InvoiceRow {
  id: string;
  customerId: string | null;
  subscriptionId: string | null;
  status: string | null;
  billingReason: string | null;
  currency: string;
  amountDue: bigint;
  amountPaid: bigint;
  total: bigint;
  attemptCount: number;
  /** Set once an attempt to collect it has failed. A later success hides the failure, so it stays set. */
  paymentFailed?: true;
  createdAt: Date;
  finalizedAt: Date | null;
  dueDate: Date | null;
  paidAt: Date | null;
  payments: InvoicePaymentRow[];
}

interface InvoicePaymentRow {
  id: string;
  invoiceId: string;
  paymentIntentId: string | null;
  amountPaid: bigint | null;
  status: string;
}

/** Stripe's own entitlements of a customer (`id`), for comparison only. */
interface SummaryRow {
  id: string;
  lookupKeys: string[];
}
