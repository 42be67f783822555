import { z } from 'zod';
import { addDays } from '../billing/period.ts';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { integer, text } from '../http/params.ts';
import { newId } from '../state/ids.ts';
import type { MeterEvent } from '../state/meters.ts';
import type { World } from '../state/world.ts';
import { invalid } from '../stripe-error.ts';
import { toJson } from '../wire.ts';
import { activeMeter } from './meters.ts';

/*
 * Meter events and their adjustments.
 *
 * https://docs.stripe.com/api/billing/meter-event/create
 * https://docs.stripe.com/api/billing/meter-event-adjustment/create
 *
 * Stripe checks a payload's customer and value only after its response, and reports errors with
 * `v1.billing.meter.error_report_triggered`. The sandbox accepts a wrong payload, too, and bills no customer for it.
 */

const maxAgeDays = 35;
const maxAheadSeconds = 300;

/** How long an identifier stays unique. Stripe says "at least 24 hours". */
const uniqueSeconds = 86_400;

/** How long after its receipt an event can be canceled. */
const cancelSeconds = 86_400;

export const meterEvents: Endpoint[] = [
  endpoint(
    'POST',
    '/v1/billing/meter_events',
    z.strictObject({
      event_name: text.max(100),
      payload: z.record(z.string().max(100), text),
      identifier: text.min(1).max(100).optional(),
      timestamp: integer.optional(),
    }),
    (world, params) => {
      const now = world.clock.seconds();
      const { event_name: eventName, payload, timestamp = now } = params;
      const identifier = params.identifier ?? newId('mtrevt');
      const meter = activeMeter(world, eventName);
      if (meter === undefined) {
        throw invalid(
          `Invalid event_name: ${eventName}. No active meter found with this event name.`,
          undefined,
          'event_name',
        );
      }
      if (timestamp < addDays(now, -maxAgeDays) || timestamp > now + maxAheadSeconds) {
        throw invalid(
          'The timestamp must be within the past 35 calendar days or up to 5 minutes in the future.',
          undefined,
          'timestamp',
        );
      }
      if (received(world, identifier, uniqueSeconds) !== undefined) {
        throw invalid(`An event already exists with identifier ${identifier}.`);
      }
      const value = Number(payload[meter.value_settings.event_payload_key]);
      const event: MeterEvent = {
        id: newId('sme'),
        object: 'sandbox.meter_event',
        created: now,
        identifier,
        meter: meter.id,
        customer: payload[meter.customer_mapping.event_payload_key] ?? '',
        timestamp,
        value: Number.isFinite(value) ? value : 0,
        canceled: false,
      };
      world.tables.meterEvents.set(event.id, event);
      return toJson({
        object: 'billing.meter_event',
        created: now,
        event_name: eventName,
        identifier,
        livemode: false,
        payload,
        timestamp,
      });
    },
  ),
  endpoint(
    'POST',
    '/v1/billing/meter_event_adjustments',
    z.strictObject({
      event_name: text.max(100),
      type: z.literal('cancel'),
      cancel: z.strictObject({ identifier: text.max(100) }),
    }),
    (world, params) => {
      const { identifier } = params.cancel;
      const event = received(world, identifier, cancelSeconds);
      if (event === undefined || event.meter !== activeMeter(world, params.event_name)?.id) {
        throw invalid(
          `No event of the last 24 hours has the identifier ${identifier}.`,
          'resource_missing',
          'cancel[identifier]',
        );
      }
      event.canceled = true;
      return toJson({
        object: 'billing.meter_event_adjustment',
        cancel: { identifier },
        event_name: params.event_name,
        livemode: false,
        status: 'pending',
        type: 'cancel',
      });
    },
  ),
];

/** Returns the event with an identifier, if it was received within the last seconds. */
function received(world: World, identifier: string, seconds: number): MeterEvent | undefined {
  const since = world.clock.seconds() - seconds;
  return world.tables.meterEvents
    .where('identifier', identifier)
    .find(({ created }) => created > since);
}
