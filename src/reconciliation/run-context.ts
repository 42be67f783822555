import type Stripe from 'stripe';
import type { ApplyDeps } from '../mirror/apply.ts';
import type { StripeSnapshot } from '../mirror/stripe-snapshot.ts';
import type { Config } from '../config.ts';
import type { Clock } from '../platform/clock.ts';

export interface ReconcileDeps extends ApplyDeps {
  monotonic: Clock;
  config: Pick<Config, 'stripe' | 'reconcileMaxLossPercent'>;
  /** Stripe, with reconciliation's share of the rate budget. */
  stripeForReconciliation: Stripe;
}

/** What a run is about, and whether it changes anything. */
export interface Scope {
  runId: string;
  /** Null = all projects. */
  projectId: string | null;
  userId: string | null;
  dryRun: boolean;
}

/** Where a phase stands in its list at Stripe; newest first. */
export interface Position {
  /** Which of several lists; most phases have one. */
  part: number;
  /** The last id that was seen; null = at the beginning. */
  after: string | null;
  /** When that was created, epoch milliseconds. */
  before: number | null;
  /** The ids seen that were created in that same second: the next page shows the rest of it. */
  tied: string[];
  /**
   * Under which number that second was first listed, as text; null = it was not. What was created in it
   * later stands before all that the next page shows.
   */
  tiedSince: string | null;
}

export const beginning: Position = {
  part: 0,
  after: null,
  before: null,
  tied: [],
  tiedSince: null,
};

/** Counted over the whole run. */
interface Counts {
  pages: number;
  objects: number;
  /** Objects that Stripe's list did not show and that it knows alive: the list was not whole. */
  unlisted: number;
}

/** What every step of a run has at hand. */
export interface RunContext {
  deps: ReconcileDeps;
  scope: Scope;
  /** From when on what is listed by its creation is compared, epoch milliseconds; null = all. */
  since: number | null;
  counts: Counts;
  /** Says that the run lives. Throws where it is another's by now, or is to stop. */
  beat(): Promise<void>;
}

/** Objects that are compared and corrected together, as they were fetched under one number. */
export interface Unit {
  snapshot: StripeSnapshot;
  number: bigint;
  /** What this may depend on, as it was fetched. */
  related?: Related;
}

/** What was compared just before, and not kept where the run is dry or of another project. */
export interface Related {
  /** Tried along by a dry run: what a customer brings to a user has the effect that it will have. */
  customers?: StripeSnapshot['customers'];
  /** Products that are not stored: without them their prices cannot be. */
  products?: StripeSnapshot['products'];
}

/** A run that cannot go on, and says why: nothing was taken away for it. */
export class RunFailed extends Error {}
