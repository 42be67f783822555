import { z } from 'zod';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { paging, tablePage } from '../http/list.ts';
import { flag, listOf, range, text } from '../http/params.ts';
import { matchesType } from '../state/event-faults.ts';
import { render } from '../state/render.ts';
import { invalid } from '../stripe-error.ts';
import type { Deliveries } from '../webhooks/deliveries.ts';
import { retrieval } from './reads.ts';

/** Events by type, time and whether every endpoint took them. */
export function events(deliveries: () => Deliveries): Endpoint[] {
  return [
    retrieval({ path: '/v1/events', kind: 'event', table: (tables) => tables.events }),
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
          throw invalid('You may only specify one of type and types.', undefined, 'types');
        }
        const patterns = params.type === undefined ? params.types : [params.type];
        const wanted = params.delivery_success;
        const open = wanted === undefined ? undefined : deliveries().unacknowledged();
        return tablePage(
          world.tables.events,
          {
            created: params.created,
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
