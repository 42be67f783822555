import type { DeletedRow, PriceRow, ProductRow } from '../../catalog/core/from-stripe.ts';
import type * as stored from '../../generated/prisma/client.ts';
import type { SyncedType } from '../../webhook/core/events.ts';

/*
 * The rows of the mirror's tables, as mapped from Stripe. They have no owner yet: owner.ts decides it.
 * Amounts are in the minor units of their currency.
 */

/** The row of each followed object, with its child rows. */
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

/** The types of objects whose metadata may name their owner. Each type has a table with a `uid`. */
export type OwnedType = {
  [T in SyncedType]: RowOf[T] extends { metadataProjectId: string | null } ? T : never;
}[SyncedType];

export interface CustomerRow
  extends
    Pick<stored.Customer, 'id' | 'email' | 'deleted'>,
    Pick<SubscriptionRow, 'metadataProjectId' | 'metadataUserId'> {
  /** Null for a deleted customer. */
  createdAt: Date | null;
}

export interface SubscriptionRow extends Omit<stored.Subscription, 'uid' | 'effectiveStatus'> {
  items: stored.SubscriptionItem[];
  /**
   * Absent if the discounts were not fetched, which leaves the stored ones unchanged. The percentage and the
   * amount are both null if Stripe did not return the coupon.
   */
  discounts?: stored.SubscriptionDiscount[];
}

export interface SessionRow extends Omit<stored.CheckoutSession, 'uid'> {
  /** The prices of all lines. Not stored. */
  priceIds: string[];
  purchases: PurchaseRow[];
}

export type PurchaseRow = Omit<stored.Purchase, 'uid' | 'attachedUid'>;

interface ChargeRow extends stored.Charge {
  refunds: RefundRow[];
}

export type RefundRow = Omit<stored.Refund, 'knownStatus'>;
export type DisputeRow = Omit<stored.Dispute, 'knownStatus'>;

export interface InvoiceRow extends Omit<stored.Invoice, 'paymentFailed'> {
  /** Set once a payment attempt has failed. A later success hides the failure, so the field stays set. */
  paymentFailed?: true;
  payments: stored.InvoicePayment[];
}

/** Stripe's own entitlements of a customer (`id`), used only for comparison. */
interface SummaryRow {
  id: string;
  lookupKeys: string[];
}
