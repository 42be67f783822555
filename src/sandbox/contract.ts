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
  /** Event types, or patterns such as `invoice.*`. Defaults to every event. */
  enabledEvents?: string[];
  /** The API version of the events, such as `2024-06-20`. Defaults to the version that the SDK pins. */
  apiVersion?: string;
  /** Whether the endpoint receives thin events (`v2.core.event`), which only reference their object. */
  thin?: boolean;
}

/** A running sandbox. */
export interface Sandbox {
  /** The sandbox's URL, without a trailing slash. */
  readonly url: string;
  addEndpoint(endpoint: EndpointOptions): void;
  clock: {
    /** Returns the current time in epoch ms. */
    now(): number;
    /** Advances the clock and runs the work that becomes due, in order and each at its due time. */
    advance(ms: number): Promise<void>;
    advanceTo(epochMs: number): Promise<void>;
  };
  buyer: Buyer;
  billing: Billing;
  faults: {
    /** Faults in webhook deliveries. Assign the whole object or single properties. */
    webhooks: WebhookFaults;
    /** Faults in the creation of events. They apply to later events. */
    events: EventFaults;
    /** Adds rules for API requests. The first rule that matches a request applies. */
    api(...rules: ApiFault[]): void;
    /**
     * Limits requests per second. A number limits the total, and an object can also limit each endpoint. Null
     * removes the limits.
     */
    rateLimit(limit: RateLimit | number | null): void;
    /** Clears all faults and limits. */
    clear(): void;
  };
  /** Returns the pending deliveries, including those that wait for a retry. */
  pendingDeliveries(): Delivery[];
  /** Returns all deliveries, oldest first. */
  deliveries(): Delivery[];
  /**
   * Sends pending deliveries in sequence and waits for the responses. With patterns such as `charge.*`, sends
   * only events of matching types.
   */
  deliver(only?: readonly string[]): Promise<void>;
  /** The maximum page size of lists. Lower it to get several pages from a few objects. */
  largestPage: number;
  /** Resends an event. Returns false if the id is unknown. */
  resend(eventId: string): boolean;
  /** The API requests received so far, oldest first. */
  requests: SeenRequest[];
  /** Returns the number of requests per endpoint, keyed by names such as `GET /v1/subscriptions/:id`. */
  counts(): Record<string, EndpointCount>;
  /** Returns a frozen copy of the current objects, by kind. References are ids, and lists are complete. */
  objects<K extends ObjectKind>(...kinds: K[]): Objects<K>;
  /**
   * Creates many customers with one subscription each, without events. Resolves with the subscription ids.
   */
  seed(seed: SubscriptionSeed): Promise<string[]>;
  /** Deletes everything except the webhook endpoints. The clock keeps its time. */
  reset(): Promise<void>;
  close(): Promise<void>;
}
