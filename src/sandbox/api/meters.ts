import { z } from 'zod';
import { usageIn } from '../billing/usage.ts';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { matches, page, paging } from '../http/list.ts';
import { integer, text } from '../http/params.ts';
import { change, emit } from '../state/events.ts';
import { newId } from '../state/ids.ts';
import type { Meter } from '../state/meters.ts';
import { render } from '../state/render.ts';
import { need, type World } from '../state/world.ts';
import { invalid } from '../stripe-error.ts';
import { toJson } from '../wire.ts';
import { none, reads } from './reads.ts';

/*
 * Billing meters.
 *
 * https://docs.stripe.com/api/billing/meter
 * https://docs.stripe.com/billing/subscriptions/usage-based/meters/configure
 */

const path = '/v1/billing/meters';

const status = z.enum(['active', 'inactive']);

const creation = z.strictObject({
  default_aggregation: z.strictObject({ formula: z.enum(['count', 'last', 'sum']) }),
  display_name: text.max(250),
  event_name: text.min(1).max(100),
  customer_mapping: z
    .strictObject({ event_payload_key: text.max(100), type: z.literal('by_id') })
    .optional(),
  value_settings: z.strictObject({ event_payload_key: text.max(100) }).optional(),
});

export const meters: Endpoint[] = [
  endpoint('POST', path, creation, (world, params) => {
    if (activeMeter(world, params.event_name) !== undefined) {
      throw invalid(
        `An active meter with the event name ${params.event_name} already exists.`,
        'resource_already_exists',
        'event_name',
      );
    }
    const now = world.clock.seconds();
    const meter: Meter = {
      id: newId('mtr'),
      object: 'billing.meter',
      created: now,
      customer_mapping: params.customer_mapping ?? {
        event_payload_key: 'stripe_customer_id',
        type: 'by_id',
      },
      default_aggregation: params.default_aggregation,
      display_name: params.display_name,
      event_name: params.event_name,
      event_time_window: null,
      livemode: false,
      status: 'active',
      status_transitions: { deactivated_at: null },
      updated: now,
      value_settings: params.value_settings ?? { event_payload_key: 'value' },
    };
    world.tables.meters.set(meter.id, meter);
    emit(world, 'billing.meter.created', meter);
    return render(world.tables, meter);
  }),
  ...reads({
    path,
    kind: 'billing meter',
    table: (tables) => tables.meters,
    filters: z.strictObject({ ...paging, status: status.optional() }),
    matches: (meter, filters) => matches<string>(filters.status, meter.status),
  }),
  endpoint(
    'POST',
    `${path}/:id`,
    z.strictObject({ display_name: text.max(250).optional() }),
    (world, params, { id }) => {
      const meter = need(world.tables.meters, 'billing meter', id);
      change(world, 'billing.meter.updated', meter, () => {
        meter.display_name = params.display_name ?? meter.display_name;
        meter.updated = world.clock.seconds();
      });
      return render(world.tables, meter);
    },
  ),
  endpoint('POST', `${path}/:id/deactivate`, none, (world, _params, { id }) =>
    setStatus(world, id, 'inactive'),
  ),
  endpoint('POST', `${path}/:id/reactivate`, none, (world, _params, { id }) =>
    setStatus(world, id, 'active'),
  ),
  endpoint(
    'GET',
    `${path}/:id/event_summaries`,
    z.strictObject({ ...paging, customer: text, start_time: integer, end_time: integer }),
    (world, params, { id }) => {
      const { customer, end_time: end, start_time: start } = params;
      need(world.tables.meters, 'billing meter', id);
      if (start % 60 !== 0 || end % 60 !== 0) {
        throw invalid('`start_time` and `end_time` must be aligned with minutes.');
      }
      const summary = {
        id: `mtrusg_${id}_${start}`,
        object: 'billing.meter_event_summary',
        aggregated_value: usageIn(world, { meter: id, customer, start, end }),
        end_time: end,
        livemode: false,
        meter: id,
        start_time: start,
      };
      return page([summary], params, `${path}/${id}/event_summaries`, toJson);
    },
  ),
];

/** Returns the active meter that takes events of a name. */
export function activeMeter(world: World, eventName: string): Meter | undefined {
  return [...world.tables.meters.values()].find(
    (meter) => meter.event_name === eventName && meter.status === 'active',
  );
}

function setStatus(world: World, id: string, next: 'active' | 'inactive') {
  const meter = need(world.tables.meters, 'billing meter', id);
  const other = activeMeter(world, meter.event_name);
  if (next === 'active' && other !== undefined && other !== meter) {
    throw invalid(
      `An active meter with the event name ${meter.event_name} already exists.`,
      'resource_already_exists',
    );
  }
  const type = next === 'active' ? 'billing.meter.reactivated' : 'billing.meter.deactivated';
  if (meter.status !== next) {
    change(world, type, meter, () => {
      const now = world.clock.seconds();
      meter.status = next;
      meter.status_transitions = { deactivated_at: next === 'active' ? null : now };
      meter.updated = now;
    });
  }
  return render(world.tables, meter);
}
