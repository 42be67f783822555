import type { PolicyFact } from '../policy.ts';
import type { Reason } from './reasons.ts';

/*
 * The facts from which the timeline of one user is computed: plain data, instants as epoch milliseconds. The
 * names follow docs/architecture.md, "Words".
 */

export type FeatureType = 'boolean' | 'limit' | 'config' | 'metered';

/**
 * The value that a source gives: `true` for `boolean`; an integer of at least 1 or `"unlimited"` for `limit`;
 * any JSON value for `config`; a `GivenAllowance` or `"unlimited"` for `metered`.
 */
export type FeatureValue = JsonValue;
export type JsonValue =
  null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue };

export interface FeatureFact {
  code: string;
  type: FeatureType;
  merge: 'max' | 'sum';
  perQuantity: boolean;
}

/** A price with its features. Features mapped to the price override those of its product. */
export interface CarryFact {
  priceId: string;
  productId: string;
  rank: number;
  /** Days of access that a one-time purchase gives; null for unlimited access. */
  accessDays: number | null;
  /** The billing interval; null for a one-time price. */
  interval: BillingInterval | null;
  features: Record<string, FeatureValue>;
}

export interface SubscriptionFact {
  id: string;
  /** The last status whose effect is known. */
  status: string;
  startDate: number;
  /** The instant from which Stripe counts billing periods; null if unknown. */
  billingCycleAnchor: number | null;
  endedAt: number | null;
  cancelAt: number | null;
  cancelAtPeriodEnd: boolean;
  canceledAt: number | null;
  pausedAt: number | null;
  /** When the oldest unpaid debt began; null if unknown. */
  dunningAnchorAt: number | null;
  items: SubscriptionItemFact[];
}

export interface SubscriptionItemFact {
  id: string;
  priceId: string;
  productId: string;
  /** Null if the price is metered. */
  quantity: number | null;
  createdAt: number;
  currentPeriodEnd: number;
}

export interface PurchaseFact {
  /** The line item's id. */
  id: string;
  priceId: string;
  productId: string;
  quantity: number;
  /** The amount paid for the line, minor units. */
  amount: number;
  /** The amount of the payment that includes this line, minor units. */
  paymentAmount: number;
  purchasedAt: number;
  /** Refunds of the payment. */
  refunds: ReversalFact[];
  /**
   * Disputes of the payment. `amount` is what losing the dispute costs, in the payment's minor units
   * (`disputedAmounts`).
   */
  disputes: ReversalFact[];
  /**
   * Whether this is a one-time line of a subscription checkout. It then ends when the refunds of the payment
   * reach the line's amount.
   */
  ofInvoice: boolean;
}

/** A refund or a dispute. */
export interface ReversalFact {
  id: string;
  amount: number;
  status: string;
  createdAt: number;
}

export interface GrantFact {
  id: string;
  featureCode: string;
  value: FeatureValue;
  validFrom: number;
  validTo: number | null;
  /** When an operator ended the grant. */
  endedAt: number | null;
  /** The position in the order of recording, which grants share with revocations. */
  number: number;
}

export interface RevocationFact {
  id: string;
  featureCode: string;
  validFrom: number;
  validTo: number | null;
  liftedAt: number | null;
  number: number;
  /** A revocation without `block` revokes sources that began at or before this instant. */
  recordedAt: number;
  /** Whether the revocation revokes every source of the feature, including later purchases. */
  block: boolean;
}

/** The facts that all users of a project share. */
export interface CatalogFacts {
  policy: PolicyFact;
  features: FeatureFact[];
  /** By price id. */
  carries: Record<string, CarryFact>;
}

/** The facts of one user. */
export interface UserFacts {
  subscriptions: SubscriptionFact[];
  purchases: PurchaseFact[];
  grants: GrantFact[];
  revocations: RevocationFact[];
}

export type Facts = CatalogFacts & UserFacts;

export interface SourceRef {
  type: 'subscription' | 'purchase' | 'grant';
  /** The id of the subscription, line item or grant. */
  id: string;
  /** Absent for grants. */
  price_id?: string;
  /** What the source gives of a metered feature; absent for other features and if it is unlimited. */
  allowance?: Allowance;
}

/** The length of a period, as on Stripe's prices. */
export interface BillingInterval {
  unit: 'day' | 'week' | 'month' | 'year';
  count: number;
}

/** What one source gives of a metered feature: an amount for each period, or once. */
export interface Allowance {
  /** The id of the subscription item, line item or grant. */
  part: string;
  /** The amount of each period, quantity included. */
  amount: number;
  /** As mapped or granted; null = once, for the whole of the source's window. */
  every: BillingInterval['unit'] | 'period' | null;
  /** The length of the periods; null = once. */
  interval: BillingInterval | null;
  rollover: { max: number; periods: number } | null;
  /** When the source began. */
  startAt: number;
  /**
   * The instant from which periods are counted. If it is later than `startAt`, the time in between is one
   * period: a trial.
   */
  anchorAt: number;
}

/** An uninterrupted period over which a source of a feature counts. */
export interface SourceSpan {
  featureCode: string;
  source: SourceRef;
  validFrom: number;
  /** Null if the span has no end. */
  validTo: number | null;
}

/**
 * The list of sources that segments with many sources share. A segment's sources are those with a span that
 * covers it, so a timeline grows linearly with the number of sources.
 */
export interface SharedSources {
  spans: SourceSpan[];
}

/**
 * A period in which one feature has the same answer, sources and reason. `validFrom` is null if the period
 * has no start, `validTo` if it has no end. A period whose reason is `no_source` has no segment.
 */
export interface Segment {
  featureCode: string;
  featureType: FeatureType;
  reason: Exclude<Reason, 'no_source'>;
  /**
   * Null unless `reason` is `granted`. For a metered feature `"unlimited"`, or `true` if its sources have
   * allowances (`valueOf`).
   */
  value: FeatureValue;
  /**
   * The sources that count, ordered by type and id; empty if denied. `sourcesOf` resolves a shared list.
   */
  sources: SourceRef[] | SharedSources;
  validFrom: number | null;
  validTo: number | null;
}

/**
 * All segments of a user, ordered by feature code, then by `validFrom`. Equal adjacent segments are merged.
 */
export type Timeline = Segment[];
