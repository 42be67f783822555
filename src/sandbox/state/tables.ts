import type Stripe from 'stripe';
import type { JsonObject, Wire } from '../wire.ts';

export type Customer = Wire<Stripe.Customer>;
export type Product = Wire<Stripe.Product>;
export type Price = Wire<Stripe.Price>;
export type Feature = Wire<Stripe.Entitlements.Feature>;
export type Coupon = Wire<Stripe.Coupon>;
type Discount = Wire<Stripe.Discount>;
export type PaymentIntent = Wire<Stripe.PaymentIntent>;
export type Charge = Omit<Wire<Stripe.Charge>, 'refunds'>;
export type Refund = Wire<Stripe.Refund>;
export type Dispute = Wire<Stripe.Dispute>;
export type InvoiceLine = Wire<Stripe.InvoiceLineItem>;
export type InvoicePayment = Wire<Stripe.InvoicePayment>;
export type PortalSession = Wire<Stripe.BillingPortal.Session>;
export type PortalConfiguration = Wire<Stripe.BillingPortal.Configuration>;
export type WebhookEndpoint = Wire<Stripe.WebhookEndpoint>;

/** Without its items: they have a table of their own, the nested list is made when it is sent. */
export type Subscription = Omit<Wire<Stripe.Subscription>, 'items'>;

/** Its price by id: what is sent embeds the price as it is then. */
export interface SubscriptionItem extends Omit<
  Wire<Stripe.SubscriptionItem>,
  'price' | 'plan' | 'deleted'
> {
  price: string;
}

export type Invoice = Omit<Wire<Stripe.Invoice>, 'lines' | 'payments'>;
export type CheckoutSession = Omit<Wire<Stripe.Checkout.Session>, 'line_items'>;

/** A line of a checkout session, with its price by id. */
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

/** One event on its way to one endpoint. */
export interface Delivery {
  id: string;
  object: 'sandbox.delivery';
  eventId: string;
  eventType: string;
  endpointId: string;
  url: string;
  status: 'pending' | 'delivered' | 'failed' | 'dropped';
  attempts: number;
  /** The last answer; null while there was none. */
  responseStatus: number | null;
  /** What went wrong where there was no answer. */
  error: string | null;
  /** Epoch ms, by the sandbox's clock: before it a fault keeps the delivery back. */
  notBefore: number;
  /** Epoch ms, by the sandbox's clock: when background mode tries again. */
  retryAt: number;
}

/** What a session's completion needs, and Stripe does not show on the session. */
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

/** How the money of a customer behaves: a person with an empty account, for instance. */
interface Wallet {
  id: string;
  object: 'sandbox.wallet';
  declines: boolean;
}

/** A payment by a slow method: known when it settles and how. */
interface Settlement {
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

interface Kinds {
  customers: Customer;
  products: Product;
  prices: Price;
  features: Feature;
  productFeatures: ProductFeature;
  coupons: Coupon;
  discounts: Discount;
  sessions: CheckoutSession;
  sessionLines: SessionLine;
  sessionPlans: SessionPlan;
  subscriptions: Subscription;
  subscriptionItems: SubscriptionItem;
  invoices: Invoice;
  invoiceLines: InvoiceLine;
  invoicePayments: InvoicePayment;
  paymentIntents: PaymentIntent;
  charges: Charge;
  refunds: Refund;
  disputes: Dispute;
  portalSessions: PortalSession;
  portalConfigurations: PortalConfiguration;
  webhookEndpoints: WebhookEndpoint;
  events: SandboxEvent;
  deliveries: Delivery;
  deleted: DeletedObject;
  wallets: Wallet;
  settlements: Settlement;
  trialNotices: TrialNotice;
  entitlementSummaries: EntitlementSummary;
}

/** Everything the sandbox knows, in order of creation. */
export type Tables = { [K in keyof Kinds]: Map<string, Kinds[K]> };
export type Entity = Kinds[keyof Kinds];

export function emptyTables(): Tables {
  return {
    customers: new Map(),
    products: new Map(),
    prices: new Map(),
    features: new Map(),
    productFeatures: new Map(),
    coupons: new Map(),
    discounts: new Map(),
    sessions: new Map(),
    sessionLines: new Map(),
    sessionPlans: new Map(),
    subscriptions: new Map(),
    subscriptionItems: new Map(),
    invoices: new Map(),
    invoiceLines: new Map(),
    invoicePayments: new Map(),
    paymentIntents: new Map(),
    charges: new Map(),
    refunds: new Map(),
    disputes: new Map(),
    portalSessions: new Map(),
    portalConfigurations: new Map(),
    webhookEndpoints: new Map(),
    events: new Map(),
    deliveries: new Map(),
    deleted: new Map(),
    wallets: new Map(),
    settlements: new Map(),
    trialNotices: new Map(),
    entitlementSummaries: new Map(),
  };
}
