import type Stripe from 'stripe';
import type { JsonObject, Wire } from '../wire.ts';
import type {
  DeletedObject,
  EntitlementSummary,
  PendingUpdateRow,
  ScheduleNotice,
  TrialNotice,
  Wallet,
} from './inner-rows.ts';
import type { Meter, MeterEvent } from './meters.ts';
import { Table } from './table.ts';

export type Customer = Wire<Stripe.Customer>;
export type Product = Wire<Stripe.Product>;
export type Price = Wire<Stripe.Price>;
export type Feature = Wire<Stripe.Entitlements.Feature>;
export type Coupon = Wire<Stripe.Coupon>;
export type Discount = Wire<Stripe.Discount>;
export type PromotionCode = Wire<Stripe.PromotionCode>;
export type PaymentIntent = Wire<Stripe.PaymentIntent>;
export type PaymentMethod = Wire<Stripe.PaymentMethod>;
export type Charge = Omit<Wire<Stripe.Charge>, 'refunds'>;
export type BalanceTransaction = Wire<Stripe.BalanceTransaction>;
export type Refund = Wire<Stripe.Refund>;
export type Dispute = Wire<Stripe.Dispute>;
export type TestClock = Wire<Stripe.TestHelpers.TestClock>;
export type InvoiceItem = Wire<Stripe.InvoiceItem>;
export type InvoiceLine = Wire<Stripe.InvoiceLineItem>;
export type InvoicePayment = Wire<Stripe.InvoicePayment>;
export type PortalSession = Wire<Stripe.BillingPortal.Session>;
export type PortalConfiguration = Wire<Stripe.BillingPortal.Configuration>;
/** A webhook endpoint. If `thin`, it receives events that only reference their object. */
export type WebhookEndpoint = Wire<Stripe.WebhookEndpoint> & { thin?: boolean };

type PendingUpdate = NonNullable<Wire<Stripe.Subscription>['pending_update']>;

/** A subscription without its items, which have their own table. `render` adds the nested list of items. */
export interface Subscription extends Omit<Wire<Stripe.Subscription>, 'items' | 'pending_update'> {
  pending_update:
    (Omit<PendingUpdate, 'subscription_items'> & { subscription_items: SubscriptionItem[] }) | null;
}

/** A subscription item with its price's id. The sent object embeds the price's current state. */
export interface SubscriptionItem extends Omit<
  Wire<Stripe.SubscriptionItem>,
  'price' | 'plan' | 'deleted'
> {
  price: string;
}

export type SubscriptionSchedule = Wire<Stripe.SubscriptionSchedule>;
export type Invoice = Omit<Wire<Stripe.Invoice>, 'lines' | 'payments'>;
export type CheckoutSession = Omit<Wire<Stripe.Checkout.Session>, 'line_items'>;

/** A Checkout Session line item with its price's id. */
export interface SessionLine extends Omit<Wire<Stripe.LineItem>, 'price'> {
  price: string;
  session: string;
}

/** The attachment of a feature to a product, with their ids. */
interface ProductFeature {
  id: string;
  object: 'product_feature';
  livemode: boolean;
  product: string;
  feature: string;
}

export interface SandboxEvent {
  id: string;
  object: 'event';
  api_version: string;
  created: number;
  data: { object: JsonObject; previous_attributes?: JsonObject };
  livemode: false;
  pending_webhooks: number;
  request: { id: string | null; idempotency_key: string | null };
  type: string;
}

/** The delivery of one event to one endpoint. */
export interface Delivery {
  id: string;
  object: 'sandbox.delivery';
  eventId: string;
  eventType: string;
  endpointId: string;
  url: string;
  status: 'pending' | 'delivered' | 'failed' | 'dropped';
  attempts: number;
  /** The last attempt's response status, or null if there was no response. */
  responseStatus: number | null;
  /** The last attempt's error, if there was no response. */
  error: string | null;
  /** The earliest delivery time, in epoch ms by the sandbox's clock. Faults can delay it. */
  notBefore: number;
  /** When background mode retries, in epoch ms by the sandbox's clock. */
  retryAt: number;
}

/** Data that completing a session requires, but that Stripe does not show on the session. */
export interface SessionPlan {
  id: string;
  object: 'sandbox.session_plan';
  paymentIntentMetadata: Record<string, string>;
  subscriptionMetadata: Record<string, string>;
  trialPeriodDays: number | null;
  trialEnd: number | null;
  missingPaymentMethod: 'cancel' | 'create_invoice' | 'pause';
  coupon: string | null;
}

/**
 * How a test card or bank account behaves. A `fails_later` card can be attached, but declines every charge.
 */
export type MethodBehavior =
  | 'pays'
  | 'declines'
  | 'fails_later'
  | 'asks_the_buyer'
  | 'is_disputed'
  | 'is_inquired'
  | 'debit_pays'
  | 'debit_fails';

/** How a payment method behaves when charged. In Stripe, this depends on the number of the card or account. */
export interface TestMethod {
  /** The payment method's id. */
  id: string;
  object: 'sandbox.test_method';
  behavior: MethodBehavior;
}

/** The future settlement of an asynchronous payment. */
export interface Settlement {
  /** The PaymentIntent's id. */
  id: string;
  object: 'sandbox.settlement';
  settlesAt: number;
  succeeds: boolean;
}

/** Creates the sandbox's empty tables and their indexes. */
export function emptyTables() {
  return {
    customers: new Table<Customer>({}),
    products: new Table<Product>({}),
    prices: new Table<Price, 'product' | 'lookupKey'>({
      product: ({ product }) => product,
      lookupKey: ({ lookup_key: key }) => key,
    }),
    features: new Table<Feature>({}),
    meters: new Table<Meter>({}),
    meterEvents: new Table<MeterEvent, 'customer' | 'identifier'>({
      customer: ({ customer }) => customer,
      identifier: ({ identifier }) => identifier,
    }),
    productFeatures: new Table<ProductFeature, 'product'>({ product: ({ product }) => product }),
    coupons: new Table<Coupon>({}),
    promotionCodes: new Table<PromotionCode, 'code'>({ code: ({ code }) => code.toLowerCase() }),
    discounts: new Table<Discount, 'customer'>({ customer: ({ customer }) => customer }),
    sessions: new Table<CheckoutSession, 'customer' | 'intent' | 'subscription' | 'invoice'>({
      customer: ({ customer }) => customer,
      intent: ({ payment_intent: intent }) => intent,
      subscription: ({ subscription }) => subscription,
      invoice: ({ invoice }) => invoice,
    }),
    sessionLines: new Table<SessionLine, 'session'>({ session: ({ session }) => session }),
    sessionPlans: new Table<SessionPlan>({}),
    subscriptions: new Table<Subscription, 'customer'>({ customer: ({ customer }) => customer }),
    subscriptionItems: new Table<SubscriptionItem, 'subscription'>({
      subscription: ({ subscription }) => subscription,
    }),
    schedules: new Table<SubscriptionSchedule, 'customer'>({
      customer: ({ customer }) => customer,
    }),
    invoices: new Table<Invoice, 'customer' | 'subscription'>({
      customer: ({ customer }) => customer,
      subscription: ({ parent }) => parent?.subscription_details?.subscription,
    }),
    // Only items created through the API. Prorations are stored as invoice lines.
    invoiceItems: new Table<InvoiceItem, 'customer'>({ customer: ({ customer }) => customer }),
    invoiceLines: new Table<InvoiceLine, 'invoice' | 'item' | 'waiting'>({
      invoice: ({ invoice }) => invoice,
      item: ({ parent }) => parent?.subscription_item_details?.subscription_item,
      // Prorations that wait for their subscription's next invoice.
      waiting: ({ invoice, subscription }) => (invoice === null ? subscription : null),
    }),
    invoicePayments: new Table<InvoicePayment, 'invoice' | 'intent'>({
      invoice: ({ invoice }) => invoice,
      intent: ({ payment }) => payment.payment_intent,
    }),
    paymentIntents: new Table<PaymentIntent, 'customer'>({ customer: ({ customer }) => customer }),
    paymentMethods: new Table<PaymentMethod>({}),
    charges: new Table<Charge, 'customer' | 'intent'>({
      customer: ({ customer }) => customer,
      intent: ({ payment_intent: intent }) => intent,
    }),
    balanceTransactions: new Table<BalanceTransaction, 'source'>({
      source: ({ source }) => source,
    }),
    refunds: new Table<Refund, 'charge' | 'intent'>({
      charge: ({ charge }) => charge,
      intent: ({ payment_intent: intent }) => intent,
    }),
    disputes: new Table<Dispute, 'charge' | 'intent'>({
      charge: ({ charge }) => charge,
      intent: ({ payment_intent: intent }) => intent,
    }),
    portalSessions: new Table<PortalSession>({}),
    portalConfigurations: new Table<PortalConfiguration>({}),
    webhookEndpoints: new Table<WebhookEndpoint>({}),
    events: new Table<SandboxEvent>({}),
    deliveries: new Table<Delivery, 'status'>({ status: ({ status }) => status }),
    deleted: new Table<DeletedObject>({}),
    wallets: new Table<Wallet>({}),
    pendingUpdates: new Table<PendingUpdateRow>({}),
    settlements: new Table<Settlement>({}),
    testClocks: new Table<TestClock>({}),
    testMethods: new Table<TestMethod>({}),
    scheduleNotices: new Table<ScheduleNotice>({}),
    trialNotices: new Table<TrialNotice>({}),
    entitlementSummaries: new Table<EntitlementSummary>({}),
  };
}

export type Tables = ReturnType<typeof emptyTables>;

/** The row type of a table. */
export type RowOf<T> = T extends Map<string, infer R> ? R : never;

export type Entity = RowOf<Tables[keyof Tables]>;
