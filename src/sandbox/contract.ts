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
  /** The API version of its objects, such as `2024-06-20`; absent: the version that the SDK pins. */
  apiVersion?: string;
  /** Whether it gets thin events (`v2.core.event`), which only name their object. */
  thin?: boolean;
}

/** A running sandbox. */
export interface Sandbox {
  /** Its URL, without a trailing slash. */
  readonly url: string;
  addEndpoint(endpoint: EndpointOptions): void;
  clock: {
    /** Epoch ms. */
    now(): number;
    /** Advances the clock. Work that falls due in between is run in order, each at its instant. */
    advance(ms: number): Promise<void>;
    advanceTo(epochMs: number): Promise<void>;
  };
  buyer: Buyer;
  billing: Billing;
  faults: {
    /** Can be assigned as a whole or by property. */
    webhooks: WebhookFaults;
    /** Apply to later events. */
    events: EventFaults;
    /** Adds rules; the first that matches a request applies. */
    api(...rules: ApiFault[]): void;
    /** Limits requests in any second: in total (a number), or also per endpoint; null: no limit. */
    rateLimit(limit: RateLimit | number | null): void;
    /** Clears all faults and limits. */
    clear(): void;
  };
  /** Pending deliveries, retries included. */
  pendingDeliveries(): Delivery[];
  /** All deliveries, oldest first. */
  deliveries(): Delivery[];
  /**
   * Sends pending deliveries, one after the other, and waits for the responses. With patterns such as
   * `charge.*`, sends only events of these types; the others stay pending.
   */
  deliver(only?: readonly string[]): Promise<void>;
  /** Maximum number of objects in a page of a list. Lower it to get several pages of few objects. */
  largestPage: number;
  /** Resends an event. Returns false if the id is unknown. */
  resend(eventId: string): boolean;
  /** The API's requests, oldest first. */
  requests: SeenRequest[];
  /** Number of requests per endpoint, by names such as `GET /v1/subscriptions/:id`. */
  counts(): Record<string, EndpointCount>;
  /** Returns the present objects, by kind: a frozen copy, with references as ids and every list whole. */
  objects<K extends ObjectKind>(...kinds: K[]): Objects<K>;
  /** Creates many customers with a subscription each, without events. Resolves to the subscriptions' ids. */
  seed(seed: SubscriptionSeed): Promise<string[]>;
  /** Deletes everything except the webhook endpoints. The clock keeps its time. */
  reset(): Promise<void>;
  close(): Promise<void>;
}
