import type Stripe from 'stripe';
import { z } from 'zod';
import type { Config } from '../config.ts';
import type { ApplyDeps } from '../mirror/apply.ts';
import type { StripeSnapshot } from '../mirror/core/stripe-snapshot.ts';
import type { Clock } from '../platform/clock.ts';

export interface ReconcileDeps extends ApplyDeps {
  monotonic: Clock;
  config: Pick<Config, 'stripe' | 'reconcileMaxLossPercent'>;
  /** The Stripe client with reconciliation's share of the rate budget. */
  stripeForReconciliation: Stripe;
}

export interface RunScope {
  runId: string;
  /** Null for all projects. */
  projectId: string | null;
  userId: string | null;
  dryRun: boolean;
}

/** The position of a phase in its Stripe list, which is newest first. */
export const positionSchema = z.object({
  /** The index of the list. Most phases have only one. */
  part: z.int(),
  /** The id of the last listed object; null at the beginning. */
  after: z.string().nullable(),
  /** The creation time of the last listed object, epoch milliseconds. */
  before: z.number().nullable(),
  /** The ids listed so far that were created in the second of `before`. The next page may list more of them. */
  tied: z.array(z.string()),
  /** The number under which that second was first listed, as a string; null if no page was listed yet. */
  tiedSince: z.string().nullable().default(null),
});

export type Position = z.infer<typeof positionSchema>;

export const beginning: Position = {
  part: 0,
  after: null,
  before: null,
  tied: [],
  tiedSince: null,
};

/** Totals over the whole run. */
interface Counts {
  pages: number;
  objects: number;
  /**
   * Number of live objects that Stripe returned although they were missing from its list, which was
   * incomplete.
   */
  unlisted: number;
}

/** The context of every step of a run. */
export interface RunContext {
  deps: ReconcileDeps;
  scope: RunScope;
  /** The oldest creation time to compare in lists by creation, epoch milliseconds; null for no limit. */
  since: number | null;
  counts: Counts;
  /** Renews the lease. Throws if another instance has taken over the run or if this one is stopping. */
  beat(): Promise<void>;
}

/** A snapshot and the number under which it was fetched. */
export interface FetchedSnapshot {
  snapshot: StripeSnapshot;
  number: bigint;
  /** Fetched objects that the snapshot may depend on. */
  related?: Related;
}

/**
 * Objects that the run compared before the snapshot. A dry run, or a run for another project, has not stored
 * them.
 */
export interface Related {
  /** A dry run applies these customers too, because they may determine the owners of the objects. */
  customers?: StripeSnapshot['customer'];
  /** Products that are not stored. Their prices cannot be stored without them. */
  products?: StripeSnapshot['product'];
}

/** Thrown to end a run that cannot continue. The message is the reason. */
export class RunFailed extends Error {}
