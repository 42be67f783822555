import { newId } from '../state/ids.ts';
import { matchesType } from '../state/event-faults.ts';
import type { Delivery, SandboxEvent, WebhookEndpoint } from '../state/tables.ts';
import type { World } from '../state/world.ts';
import { payloadOf } from './payload.ts';
import { signatureHeader } from './signature.ts';
import { createRandom, isDropped, shuffled, type WebhookFaults } from './webhook-faults.ts';

const retryDelaysMs = [1_000, 2_000, 4_000, 8_000, 16_000];
const answerTimeoutMs = 10_000;

export type DeliveryMode = 'background' | 'manual';

/** Sends events to webhook endpoints and records the outcomes. */
export class Deliveries {
  readonly #world: World;
  readonly #mode: DeliveryMode;
  readonly #onSent: () => void;
  readonly #inFlight = new Map<Delivery, Promise<void>>();
  readonly #random = createRandom();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  faults: WebhookFaults = {};

  /** @param onSent called after each delivery attempt. */
  constructor(world: World, mode: DeliveryMode, onSent: () => void) {
    this.#world = world;
    this.#mode = mode;
    this.#onSent = onSent;
  }

  /** All deliveries, oldest first. */
  get all(): Delivery[] {
    return [...this.#world.tables.deliveries.values()];
  }

  get pending(): Delivery[] {
    return this.#world.tables.deliveries.where('status', 'pending');
  }

  /** Enqueues an event for every subscribed endpoint. */
  enqueue(event: SandboxEvent): void {
    for (const endpoint of this.#world.tables.webhookEndpoints.values()) {
      if (wants(endpoint, event.type)) {
        this.#add(event, endpoint);
      }
    }
    this.pump();
  }

  /**
   * Sends each pending delivery once, in sequence, and waits for the responses. Includes events that the
   * responses cause and deliveries that wait for a retry, but not those that a fault still delays.
   *
   * @param only patterns of the event types to send; other events stay pending.
   */
  async deliver(only: readonly string[] = ['*']): Promise<void> {
    const tried = new Set<Delivery>();
    for (;;) {
      await Promise.all(this.#inFlight.values());
      const batch = this.#due().filter(
        (delivery) =>
          !tried.has(delivery) && only.some((pattern) => matchesType(pattern, delivery.eventType)),
      );
      if (batch.length === 0) {
        return;
      }
      for (const delivery of batch) {
        tried.add(delivery);
        await this.#send(delivery);
      }
    }
  }

  /** In background mode, starts all deliveries that are due and schedules the rest. */
  pump(): void {
    if (this.#mode === 'manual' || this.#closed) {
      return;
    }
    clearTimeout(this.#timer);
    // Runs after the current call, so that an API response does not wait for its own webhooks.
    this.#timer = setTimeout(() => {
      const now = this.#world.clock.now();
      for (const delivery of this.#due()) {
        if (delivery.retryAt <= now) {
          void this.#send(delivery).then(() => {
            this.pump();
          });
        }
      }
      this.#sleepUntilNext(now);
    }, 0);
  }

  /** Resends an event to its endpoints, whatever the earlier outcomes. Returns false if the id is unknown. */
  resend(eventId: string): boolean {
    const event = this.#world.tables.events.get(eventId);
    if (event !== undefined) {
      this.enqueue(event);
    }
    return event !== undefined;
  }

  /** Returns the ids of events that at least one endpoint has not acknowledged. */
  unacknowledged(): Set<string> {
    const acknowledged = new Set(
      this.all.filter(({ status }) => status === 'delivered').map((delivery) => pairOf(delivery)),
    );
    const missing = this.all.filter((delivery) => !acknowledged.has(pairOf(delivery)));
    return new Set(missing.map(({ eventId }) => eventId));
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await Promise.all(this.#inFlight.values());
  }

  #add(event: SandboxEvent, endpoint: WebhookEndpoint): void {
    const dropped = isDropped(this.faults, event.type, this.#random);
    const copies = 1 + (this.faults.repeat ?? 0);
    for (let copy = 0; copy < copies; copy += 1) {
      const id = newId('del');
      this.#world.tables.deliveries.set(id, {
        id,
        object: 'sandbox.delivery',
        eventId: event.id,
        eventType: event.type,
        endpointId: endpoint.id,
        url: endpoint.url,
        status: dropped ? 'dropped' : 'pending',
        attempts: 0,
        responseStatus: null,
        error: null,
        notBefore: this.#world.clock.now() + this.#delayMs(),
        retryAt: 0,
      });
    }
  }

  #delayMs(): number {
    const { delayMs = 0, jitterMs } = this.faults;
    return delayMs + (jitterMs === undefined ? 0 : Math.floor(jitterMs * this.#random()));
  }

  #due(): Delivery[] {
    const now = this.#world.clock.now();
    const due = this.pending.filter(
      (delivery) => delivery.notBefore <= now && !this.#inFlight.has(delivery),
    );
    return this.faults.shuffle === true ? shuffled(due, this.#random) : due;
  }

  #sleepUntilNext(now: number): void {
    const instants = this.pending
      .filter((delivery) => !this.#inFlight.has(delivery))
      .map(({ notBefore, retryAt }) => Math.max(notBefore, retryAt));
    if (instants.length > 0) {
      const wait = Math.min(Math.max(10, Math.min(...instants) - now), 60_000);
      this.#timer = setTimeout(() => {
        this.pump();
      }, wait);
    }
  }

  #send(delivery: Delivery): Promise<void> {
    const sending = this.#post(delivery).finally(() => {
      // The status is indexed, so the row must be set again.
      this.#world.tables.deliveries.set(delivery.id, delivery);
      this.#inFlight.delete(delivery);
      this.#onSent();
    });
    this.#inFlight.set(delivery, sending);
    return sending;
  }

  async #post(delivery: Delivery): Promise<void> {
    const event = this.#world.tables.events.get(delivery.eventId);
    const endpoint = this.#world.tables.webhookEndpoints.get(delivery.endpointId);
    if (event === undefined || endpoint === undefined) {
      delivery.status = 'dropped';
      return;
    }
    const body = payloadOf(this.#world.tables, event, endpoint, this.faults);
    delivery.attempts += 1;
    delivery.responseStatus = null;
    delivery.error = null;
    try {
      const response = await fetch(delivery.url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json; charset=utf-8',
          'stripe-signature': signatureHeader(
            body,
            endpoint.secret ?? '',
            this.#world.clock.seconds(),
          ),
        },
        body,
        redirect: 'manual',
        signal: AbortSignal.timeout(answerTimeoutMs),
      });
      await response.body?.cancel();
      delivery.responseStatus = response.status;
      if (response.ok) {
        delivery.status = 'delivered';
        return;
      }
    } catch (error) {
      delivery.error = error instanceof Error ? error.message : String(error);
    }
    const wait = retryDelaysMs[delivery.attempts - 1];
    if (wait === undefined) {
      delivery.status = 'failed';
    } else {
      delivery.retryAt = this.#world.clock.now() + wait;
    }
  }
}

/**
 * Returns a key for an event and endpoint. The event may be sent several times; one acknowledgement is
 * enough.
 */
function pairOf({ eventId, endpointId }: Delivery): string {
  return `${eventId} ${endpointId}`;
}

function wants(endpoint: WebhookEndpoint, type: string): boolean {
  return (
    endpoint.status === 'enabled' &&
    endpoint.enabled_events.some((pattern) => matchesType(pattern, type))
  );
}
