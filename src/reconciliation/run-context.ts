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
  /** Null = all projects. */
  projectId: string | null;
  userId: string | null;
  dryRun: boolean;
}

/** The position of a phase in its list at Stripe; newest first. */
export const positionSchema = z.object({
  /** The index of the list; most phases have one. */
  part: z.int(),
  /** The id of the last listed object; null = at the beginning. */
  after: z.string().nullable(),
  /** The creation of that object, epoch milliseconds. */
  before: z.number().nullable(),
  /** The ids listed so far that were created in that second; the next page may list more. */
  tied: z.array(z.string()),
  /** The number under which that second was first listed, as text; null = not yet. */
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

/** Counts over the whole run. */
interface Counts {
  pages: number;
  objects: number;
  /** Objects that Stripe returned alive although its list lacked them: the list was incomplete. */
  unlisted: number;
}

/** The context of every step of a run. */
export interface RunContext {
  deps: ReconcileDeps;
  scope: RunScope;
  /** The oldest creation to compare in lists by creation, epoch milliseconds; null = all. */
  since: number | null;
  counts: Counts;
  /** Renews the lease. Throws if another instance has taken over the run, or this one is stopping. */
  beat(): Promise<void>;
}

/** A snapshot and the number under which it was fetched. */
export interface FetchedSnapshot {
  snapshot: StripeSnapshot;
  number: bigint;
  /** Fetched objects that the snapshot may depend on. */
  related?: Related;
}

/** Objects that were compared just before. A dry run, or one of another project, has not stored them. */
export interface Related {
  /** A dry run applies these, too, since the users of the objects may follow from them. */
  customers?: StripeSnapshot['customer'];
  /** Products that are not stored, without which their prices cannot be stored. */
  products?: StripeSnapshot['product'];
}

/** Ends a run that cannot continue, with the reason. */
export class RunFailed extends Error {}
