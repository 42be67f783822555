import type { PolicyFact } from '../policy.ts';
import type { Reason } from './reasons.ts';

/*
 * The facts from which the timeline of one user is computed: plain data, instants as epoch milliseconds. The
 * names follow docs/architecture.md, "Words".
 */

export type FeatureType = 'boolean' | 'limit' | 'config';

/**
 * The value that a source gives: `true` for `boolean`; an integer ≥ 1 or `"unlimited"` for `limit`; any JSON
 * value for `config`.
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

/** The features of a price: its own override its product's. */
export interface CarryFact {
  priceId: string;
  productId: string;
  rank: number;
  /** Days of access of a one-time purchase; null = without end. */
  accessDays: number | null;
  features: Record<string, FeatureValue>;
}

export interface SubscriptionFact {
  id: string;
  /** The last status whose effect is known. */
  status: string;
  startDate: number;
  endedAt: number | null;
  cancelAt: number | null;
  cancelAtPeriodEnd: boolean;
  canceledAt: number | null;
  pausedAt: number | null;
  /** When the unpaid debt began; null = none known. */
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
  /** `amount`: the part of the payment that a loss takes, in its minor units (`disputedAmounts`). */
  disputes: ReversalFact[];
  /**
   * True for a one-time line of a subscription checkout, which ends when the refunded amount reaches the
   * line's.
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
  /** The instant at which an operator ended it. */
  endedAt: number | null;
  /** The order of recording, shared with revocations. */
  number: number;
}

export interface RevocationFact {
  id: string;
  featureCode: string;
  validFrom: number;
  validTo: number | null;
  liftedAt: number | null;
  number: number;
  /** A plain revocation revokes what began at or before this instant. */
  recordedAt: number;
  /** Whether it revokes every source of the feature, later purchases included. */
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
  /** The subscription's, the line item's or the grant's id. */
  id: string;
  /** Left out for grants. */
  price_id?: string;
}

/** A period of a feature's timeline over which a source counts without interruption. */
export interface SourceSpan {
  featureCode: string;
  source: SourceRef;
  validFrom: number;
  /** Null = without end. */
  validTo: number | null;
}

/**
 * The shared list of sources of segments that have many: a segment's sources are those whose span covers it.
 * A timeline thus grows with the number of sources, not with its square.
 */
export interface SharedSources {
  spans: SourceSpan[];
}

/**
 * A period of one feature's timeline with the same answer, sources and reason. `validFrom` null = without
 * start, `validTo` null = without end. `no_source` is never stored: it is the absence of a segment.
 */
export interface Segment {
  featureCode: string;
  featureType: FeatureType;
  reason: Exclude<Reason, 'no_source'>;
  /** Null if not allowed (`reason` other than `granted`). */
  value: FeatureValue;
  /**
   * The sources that count, by type and id; empty where denied. `sourcesOf` returns the list of either form.
   */
  sources: SourceRef[] | SharedSources;
  validFrom: number | null;
  validTo: number | null;
}

/** All segments of a user, by feature code, then by `validFrom`. Adjacent equal ones are merged. */
export type Timeline = Segment[];
