import { z } from 'zod';
import { deleteCustomer } from '../billing/customer.ts';
import { runDue } from '../billing/due.ts';
import { addDays } from '../billing/period.ts';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { paging } from '../http/list.ts';
import { integer, range, text } from '../http/params.ts';
import { emit } from '../state/events.ts';
import { newId } from '../state/ids.ts';
import { render } from '../state/render.ts';
import type { TestClock } from '../state/tables.ts';
import { need } from '../state/world.ts';
import { invalid } from '../stripe-error.ts';
import { toJson } from '../wire.ts';
import { none, reads } from './reads.ts';

const path = '/v1/test_helpers/test_clocks';

const daysKept = 30;

/** The routes for test clocks. Customers on a test clock follow its time instead of the sandbox's. */
export const testClocks: Endpoint[] = [
  endpoint(
    'POST',
    path,
    z.strictObject({ frozen_time: integer, name: text.optional() }),
    (world, params) => {
      const created = world.clock.seconds();
      const clock: TestClock = {
        id: newId('clock'),
        object: 'test_helpers.test_clock',
        created,
        deletes_after: addDays(created, daysKept),
        frozen_time: params.frozen_time,
        livemode: false,
        name: params.name ?? null,
        status: 'ready',
        status_details: {},
      };
      world.tables.testClocks.set(clock.id, clock);
      emit(world, 'test_helpers.test_clock.created', clock);
      return render(world.tables, clock);
    },
  ),
  ...reads({
    path,
    kind: 'test_clock',
    table: (tables) => tables.testClocks,
    filters: z.strictObject({ ...paging, created: range.optional() }),
    matches: () => true,
  }),
  endpoint(
    'POST',
    `${path}/:id/advance`,
    z.strictObject({ frozen_time: integer }),
    (world, params, { id }) => {
      const clock = need(world.tables.testClocks, 'test_clock', id);
      if (params.frozen_time <= clock.frozen_time) {
        throw invalid(
          'Test clocks only advance: `frozen_time` must be after the current `frozen_time`.',
          undefined,
          'frozen_time',
        );
      }
      clock.status = 'advancing';
      emit(world, 'test_helpers.test_clock.advancing', clock);
      clock.frozen_time = params.frozen_time;
      runDue(world);
      clock.status = 'ready';
      emit(world, 'test_helpers.test_clock.ready', clock);
      return render(world.tables, clock);
    },
  ),
  endpoint('DELETE', `${path}/:id`, none, (world, _params, { id }) => {
    const clock = need(world.tables.testClocks, 'test_clock', id);
    for (const customer of world.tables.customers.values()) {
      if (customer.test_clock === id) deleteCustomer(world, customer);
    }
    world.tables.testClocks.delete(id);
    world.dueOnTestClocks.delete(id);
    emit(world, 'test_helpers.test_clock.deleted', clock);
    return toJson({ id, object: clock.object, deleted: true });
  }),
];
