import type Stripe from 'stripe';
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

/** The scope of a run, and whether it changes anything. */
export interface RunScope {
  runId: string;
  /** Null = all projects. */
  projectId: string | null;
  userId: string | null;
  dryRun: boolean;
}

/** The position of a phase in its list at Stripe; newest first. */
export interface Position {
  /** Which of several lists; most phases have one. */
  part: number;
  /** The last id seen; null = at the beginning. */
  after: string | null;
  /** The creation of that object, epoch milliseconds. */
  before: number | null;
  /** The ids seen that were created in that same second; the next page shows the rest of it. */
  tied: string[];
  /**
   * The number under which that second was first listed, as text; null if it was not. Objects created in it
   * later come before everything on the next page.
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

/** Counts over the whole run. */
interface Counts {
  pages: number;
  objects: number;
  /** Objects that Stripe's list lacked, though Stripe knows them alive: the list was incomplete. */
  unlisted: number;
}

/** The context of every step of a run. */
export interface RunContext {
  deps: ReconcileDeps;
  scope: RunScope;
  /** The oldest creation to compare in lists by creation, epoch milliseconds; null = all. */
  since: number | null;
  counts: Counts;
  /** Renews the lease of the run. Throws if another instance has taken the run over, or if it must stop. */
  beat(): Promise<void>;
}

/** Objects that were fetched under one number, and are compared and corrected together. */
export interface Unit {
  snapshot: StripeSnapshot;
  number: bigint;
  /** Objects that this unit may depend on, as they were fetched. */
  related?: Related;
}

/** Objects that were compared just before, and not stored if the run is dry or of another project. */
export interface Related {
  /** A dry run applies them too, so that what follows from a customer's user has its effect. */
  customers?: StripeSnapshot['customer'];
  /** Products that are not stored, without which their prices cannot be. */
  products?: StripeSnapshot['product'];
}

/** Ends a run that cannot continue, with the reason. It takes no access away. */
export class RunFailed extends Error {}
