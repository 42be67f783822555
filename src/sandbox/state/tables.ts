import type Stripe from 'stripe';
import type { JsonObject, Wire } from '../wire.ts';
import { Table } from './table.ts';

export type Customer = Wire<Stripe.Customer>;
export type Product = Wire<Stripe.Product>;
export type Price = Wire<Stripe.Price>;
export type Feature = Wire<Stripe.Entitlements.Feature>;
export type Coupon = Wire<Stripe.Coupon>;
type Discount = Wire<Stripe.Discount>;
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
/** `thin`: it gets events that only name their object. */
export type WebhookEndpoint = Wire<Stripe.WebhookEndpoint> & { thin?: boolean };

type PendingUpdate = NonNullable<Wire<Stripe.Subscription>['pending_update']>;

/** Without its items: they have their own table, and the nested list is created when it is sent. */
export interface Subscription extends Omit<Wire<Stripe.Subscription>, 'items' | 'pending_update'> {
  pending_update:
    (Omit<PendingUpdate, 'subscription_items'> & { subscription_items: SubscriptionItem[] }) | null;
}

/** Its price by id: the sent object embeds the price's present state. */
export interface SubscriptionItem extends Omit<
  Wire<Stripe.SubscriptionItem>,
  'price' | 'plan' | 'deleted'
> {
  price: string;
}

export type SubscriptionSchedule = Wire<Stripe.SubscriptionSchedule>;
export type Invoice = Omit<Wire<Stripe.Invoice>, 'lines' | 'payments'>;
export type CheckoutSession = Omit<Wire<Stripe.Checkout.Session>, 'line_items'>;

/** A line of a checkout session, with the id of its price. */
export interface SessionLine extends Omit<Wire<Stripe.LineItem>, 'price'> {
  price: string;
  session: string;
}

/** A feature attached to a product, by their ids. */
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

/** One event for one endpoint. */
export interface Delivery {
  id: string;
  object: 'sandbox.delivery';
  eventId: string;
  eventType: string;
  endpointId: string;
  url: string;
  status: 'pending' | 'delivered' | 'failed' | 'dropped';
  attempts: number;
  /** The last response's status; null before the first. */
  responseStatus: number | null;
  /** The error, if there was no response. */
  error: string | null;
  /** Epoch ms, by the sandbox's clock: a fault delays the delivery until then. */
  notBefore: number;
  /** Epoch ms, by the sandbox's clock: when background mode retries. */
  retryAt: number;
}

/** Data for a session's completion, which Stripe does not show on the session. */
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

/** The outcome of a customer's payments, such as those from an empty account. */
interface Wallet {
  id: string;
  object: 'sandbox.wallet';
  declines: boolean;
  /** False: the customer has no card. */
  card: boolean;
}

/** How a test card or account behaves; `fails_later` can be attached, and declines each charge. */
export type MethodBehavior =
  | 'pays'
  | 'declines'
  | 'fails_later'
  | 'asks_the_buyer'
  | 'is_disputed'
  | 'is_inquired'
  | 'debit_pays'
  | 'debit_fails';

/** The outcome of charges of a payment method, which at Stripe depends on its number. */
export interface TestMethod {
  /** The payment method's id. */
  id: string;
  object: 'sandbox.test_method';
  behavior: MethodBehavior;
}

/** The state of a subscription's pending update that Stripe does not show. */
interface PendingUpdateRow {
  /** The subscription's id. */
  id: string;
  object: 'sandbox.pending_update';
  invoice: string;
  /** The ids of the items that it removes. */
  removed: string[];
  /** Whether periods restart. */
  restarts: boolean;
}

/** A payment by a slow method, with its settlement. */
export interface Settlement {
  /** The payment intent's id. */
  id: string;
  object: 'sandbox.settlement';
  settlesAt: number;
  succeeds: boolean;
}

/** A trial whose `trial_will_end` was sent. */
interface TrialNotice {
  /** The subscription's id. */
  id: string;
  object: 'sandbox.trial_notice';
  trialEnd: number;
}

/** A schedule whose `expiring` was sent. */
interface ScheduleNotice {
  id: string;
  object: 'sandbox.schedule_notice';
  endsAt: number;
}

interface EntitlementSummary {
  /** The customer's id. */
  id: string;
  object: 'sandbox.entitlement_summary';
  features: string[];
}

interface DeletedObject {
  id: string;
  object: 'customer' | 'product' | 'price' | 'coupon' | 'webhook_endpoint';
  deleted: true;
}

/** Creates all of the sandbox's tables, with the indexes of each. */
export function emptyTables() {
  return {
    customers: new Table<Customer>({}),
    products: new Table<Product>({}),
    prices: new Table<Price, 'product' | 'lookupKey'>({
      product: ({ product }) => product,
      lookupKey: ({ lookup_key: key }) => key,
    }),
    features: new Table<Feature>({}),
    productFeatures: new Table<ProductFeature, 'product'>({ product: ({ product }) => product }),
    coupons: new Table<Coupon>({}),
    discounts: new Table<Discount>({}),
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
    // Only items without an invoice: on an invoice they are lines.
    invoiceItems: new Table<InvoiceItem, 'customer'>({ customer: ({ customer }) => customer }),
    invoiceLines: new Table<InvoiceLine, 'invoice' | 'waiting'>({
      invoice: ({ invoice }) => invoice,
      // Those without an invoice, by the subscription whose next one they join.
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

/** The rows of a table, by its type. */
export type RowOf<T> = T extends Map<string, infer R> ? R : never;

export type Entity = RowOf<Tables[keyof Tables]>;
