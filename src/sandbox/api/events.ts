import { z } from 'zod';
import { addDays } from '../billing/period.ts';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { paging, tablePage, within } from '../http/list.ts';
import { flag, listOf, range, text } from '../http/params.ts';
import { matchesType } from '../state/event-faults.ts';
import { render } from '../state/render.ts';
import type { Bounds } from '../state/table.ts';
import { need, type World } from '../state/world.ts';
import { invalid, missing } from '../stripe-error.ts';
import type { Deliveries } from '../webhooks/deliveries.ts';
import { none } from './reads.ts';

/** Returns the routes for events. Lists can be filtered by type, time and delivery status. */
export function events(deliveries: () => Deliveries): Endpoint[] {
  return [
    endpoint('GET', '/v1/events/:id', none, (world, _params, { id }) => {
      const event = need(world.tables.events, 'event', id);
      if (!within(event.created, keptOf(world))) {
        throw missing('event', id);
      }
      return render(world.tables, event);
    }),
    endpoint(
      'GET',
      '/v1/events',
      z.strictObject({
        ...paging,
        created: range.optional(),
        delivery_success: flag.optional(),
        type: text.optional(),
        types: listOf(text).optional(),
      }),
      (world, params) => {
        if (params.type !== undefined && params.types !== undefined) {
          throw invalid(
            'You may only specify one of these parameters: type, types.',
            undefined,
            'types',
          );
        }
        const patterns = params.type === undefined ? params.types : [params.type];
        const wanted = params.delivery_success;
        const open = wanted === undefined ? undefined : deliveries().unacknowledged();
        return tablePage(
          world,
          world.tables.events,
          {
            created: keptOf(world, params.created),
            matches: (event) =>
              (patterns === undefined ||
                patterns.some((pattern) => matchesType(pattern, event.type))) &&
              (open === undefined || open.has(event.id) !== wanted),
          },
          params,
          '/v1/events',
          (event) => render(world.tables, event),
        );
      },
    ),
  ];
}

const keptDays = 30;

/** Returns the time range of readable events: Stripe keeps events for 30 days. */
function keptOf(world: World, created: Bounds = {}): Bounds {
  const kept = addDays(world.clock.seconds(), -keptDays);
  return { ...created, gt: Math.max(created.gt ?? kept, kept) };
}
