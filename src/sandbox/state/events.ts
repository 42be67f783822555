import Stripe from 'stripe';
import type { JsonObject } from '../wire.ts';
import { difference } from './difference.ts';
import { eventCount } from './event-faults.ts';
import { newId } from './ids.ts';
import { nestedListLength, render, subscriptionItems } from './render.ts';
import type { Entity, SandboxEvent } from './tables.ts';
import { touch, type World } from './world.ts';

export type EventType = Stripe.Event['type'];

/** Stores an event with an object's current state and sends it to the webhook endpoints. */
export function emit(world: World, type: EventType, entity: Entity, previous?: JsonObject): void {
  touch(world, entity);
  record(world, type, render(world.tables, entity), previous);
}

/** Stores an event about an object that has no table, and sends it to the webhook endpoints. */
export function record(
  world: World,
  type: EventType,
  object: JsonObject,
  previous?: JsonObject,
): void {
  // A duplicate event has its own id.
  for (let left = eventCount(world.eventFaults, type); left > 0; left -= 1) {
    const event = newEvent(world, type, object, previous);
    world.tables.events.set(event.id, event);
    world.onEvent(event);
  }
}

function newEvent(
  world: World,
  type: EventType,
  object: JsonObject,
  previous: JsonObject | undefined,
): SandboxEvent {
  return {
    id: newId('evt'),
    object: 'event',
    api_version: Stripe.API_VERSION,
    created: world.clock.seconds(),
    data: { object, ...(previous === undefined ? {} : { previous_attributes: previous }) },
    livemode: false,
    pending_webhooks: 0,
    request: {
      id: world.request?.id ?? null,
      idempotency_key: world.request?.idempotencyKey ?? null,
    },
    type,
  };
}

/**
 * Changes an object and emits an event with `previous_attributes`. `mutate` may also change other tables,
 * such as a subscription's items. A change without effect emits no event.
 */
export function change(world: World, type: EventType, entity: Entity, mutate: () => void): void {
  const before = render(world.tables, entity);
  const unseenBefore = unseen(world, entity);
  mutate();
  touch(world, entity);
  const previous =
    difference(before, render(world.tables, entity)) ??
    (unseen(world, entity) === unseenBefore ? undefined : {});
  if (previous !== undefined) {
    emit(world, type, entity, previous);
  }
}

/** Returns the items that the rendered object omits because nested lists are limited. */
function unseen(world: World, entity: Entity): string {
  return entity.object === 'subscription'
    ? JSON.stringify(subscriptionItems(world.tables, entity.id).slice(nestedListLength))
    : '';
}
