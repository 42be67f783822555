import type { Shop } from '../helpers/shop.ts';

/** A history at Stripe that ends in the right access. `docs/stripe-semantics.md` is generated from these. */
export interface Scenario {
  /** The guarantee, in one sentence. */
  title: string;
  /** A page of Stripe's, or `design: ` with the place in the repository that states the rule. */
  basis: string;
  /** The subscription status that it demonstrates in the table of statuses. */
  status?: string;
  /** @param userId a user of this scenario alone. */
  run(shop: Shop, userId: string): Promise<void>;
}

/** Scenarios with one subject. */
export interface ScenarioGroup {
  subject: string;
  scenarios: readonly Scenario[];
}

const stripeDocs = 'https://docs.stripe.com';

/** The sources of rules, by subject. */
export const bases = {
  statuses: `${stripeDocs}/billing/subscriptions/overview#subscription-statuses`,
  trials: `${stripeDocs}/billing/subscriptions/trials/free-trials`,
  cancel: `${stripeDocs}/billing/subscriptions/cancel`,
  pauseCollection: `${stripeDocs}/billing/subscriptions/pause-payment`,
  retries: `${stripeDocs}/billing/revenue-recovery/smart-retries`,
  actionRequired: `${stripeDocs}/billing/subscriptions/webhooks`,
  sendInvoice: `${stripeDocs}/billing/collection-method`,
  prorations: `${stripeDocs}/billing/subscriptions/prorations`,
  change: `${stripeDocs}/billing/subscriptions/change-price#changing`,
  pendingUpdates: `${stripeDocs}/billing/subscriptions/pending-updates`,
  schedules: `${stripeDocs}/billing/subscriptions/subscription-schedules`,
  multipleProducts: `${stripeDocs}/billing/subscriptions/quantities#multiple-product-sub`,
  mixedIntervals: `${stripeDocs}/billing/subscriptions/mixed-interval`,
  quantities: `${stripeDocs}/billing/subscriptions/quantities`,
  metered: `${stripeDocs}/billing/subscriptions/usage-based`,
  backdating: `${stripeDocs}/billing/subscriptions/backdating`,
  billingMode: `${stripeDocs}/billing/subscriptions/billing-mode`,
  coupons: `${stripeDocs}/billing/subscriptions/coupons`,
  fulfillment: `${stripeDocs}/checkout/fulfillment`,
  session: `${stripeDocs}/api/checkout/sessions/object`,
  debits:
    'https://support.stripe.com/questions/changes-to-balance-transaction-behavior-for-debit-payment-methods',
  receipts: `${stripeDocs}/api/checkout/sessions/create#create_checkout_session-invoice_creation`,
  refunds: `${stripeDocs}/refunds`,
  refundFailures: `${stripeDocs}/refunds#failed-refunds`,
  disputes: `${stripeDocs}/disputes/how-disputes-work`,
  disputeStatus: `${stripeDocs}/api/disputes/object#dispute_object-status`,
  inquiries: `${stripeDocs}/disputes/how-disputes-work#inquiries`,
  prices: `${stripeDocs}/products-prices/manage-prices`,
  deletion: `${stripeDocs}/api/products/delete`,
  currencies: `${stripeDocs}/payments/checkout/localize-prices/manual-currency-prices`,
  entitlements: `${stripeDocs}/billing/entitlements`,
  customers: `${stripeDocs}/api/customers/delete`,
  guests: `${stripeDocs}/payments/checkout/guest-customers`,
  metadata: `${stripeDocs}/metadata`,
  idempotency: `${stripeDocs}/api/idempotent_requests`,
  webhooks: `${stripeDocs}/webhooks`,
  eventOrder: `${stripeDocs}/webhooks#event-ordering`,
  duplicates: `${stripeDocs}/webhooks#handle-duplicate-events`,
  thinEvents: `${stripeDocs}/event-destinations#thin-events`,
  versions: `${stripeDocs}/webhooks/versioning`,
  pagination: `${stripeDocs}/api/pagination`,
  promises: 'design: docs/architecture.md#promises',
  events: 'design: docs/architecture.md#how-an-event-travels',
  merging: 'design: docs/architecture.md#merge-rules',
  traps: 'design: docs/architecture.md#pitfalls-of-stripe',
  queue: 'design: docs/adr/0003-queue.md',
} as const;
