import type { Billing } from './control/billing.ts';
import type { Buyer } from './control/buyer.ts';
import type { ApiFault } from './http/api-faults.ts';
import type { SubscriptionSeed } from './control/seed.ts';
import type { RateLimit } from './http/rate-limit.ts';
import type { EndpointCount, SeenRequest } from './http/request-log.ts';
import type { ObjectKind, Objects } from './state/objects.ts';
import type { EventFaults } from './state/event-faults.ts';
import type { Delivery } from './state/tables.ts';
import type { WebhookFaults } from './webhooks/webhook-faults.ts';

export interface EndpointOptions {
  url: string;
  secret: string;
  /** Types, or patterns such as `invoice.*`; absent: every event. */
  enabledEvents?: string[];
  /** In whose shapes it gets objects, such as `2024-06-20`; absent: the version that the SDK pins. */
  apiVersion?: string;
  /** It gets thin events (`v2.core.event`), which only name their object. */
  thin?: boolean;
}

/** A running sandbox. */
export interface Sandbox {
  /** Where it listens, without a trailing slash. */
  readonly url: string;
  addEndpoint(endpoint: EndpointOptions): void;
  clock: {
    /** Epoch ms. */
    now(): number;
    /** Moves on; all that falls due on the way is done at its instant, in order. */
    advance(ms: number): Promise<void>;
    advanceTo(epochMs: number): Promise<void>;
  };
  buyer: Buyer;
  billing: Billing;
  faults: {
    /** May be assigned as a whole or by property. */
    webhooks: WebhookFaults;
    /** Concern what happens from now on. */
    events: EventFaults;
    /** Adds rules; the first that matches a request decides. */
    api(...rules: ApiFault[]): void;
    /** Requests in any second: over all (a number), or also for each endpoint; null: no limit. */
    rateLimit(limit: RateLimit | number | null): void;
    /** Makes everything go well again; no limit is left either. */
    clear(): void;
  };
  /** What is still on its way, retries included. */
  pendingDeliveries(): Delivery[];
  /** Everything that was ever to be sent, oldest first. */
  deliveries(): Delivery[];
  /**
   * Sends what is pending, one after the other, and waits for the answers. With patterns such as
   * `charge.*`, only events of those types: the others stay, and come later.
   */
  deliver(only?: readonly string[]): Promise<void>;
  /** How many objects a page of a list holds at most; lowered, a few objects span several pages. */
  largestPage: number;
  /** Sends an event once more. False: there is none with that id. */
  resend(eventId: string): boolean;
  /** What the API was asked, oldest first. */
  requests: SeenRequest[];
  /** How often each endpoint was asked, by names such as `GET /v1/subscriptions/:id`. */
  counts(): Record<string, EndpointCount>;
  /** What there is now, by kind: a copy, frozen, with references as ids and every list whole. */
  objects<K extends ObjectKind>(...kinds: K[]): Objects<K>;
  /** Makes many customers with a subscription each, without events. Resolves to the subscriptions' ids. */
  seed(seed: SubscriptionSeed): Promise<string[]>;
  /** Forgets everything but the webhook endpoints. The clock keeps its time. */
  reset(): Promise<void>;
  close(): Promise<void>;
}
