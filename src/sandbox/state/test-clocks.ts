import type { FormTree } from '../http/form.ts';
import { DueQueue } from './due-queue.ts';
import type { TestClock } from './tables.ts';
import type { Timed, World } from './world.ts';

/** Returns the test clock that an object follows, or undefined if it follows the sandbox's clock. */
export function testClockOf(world: World, item: Timed): TestClock | undefined {
  const customer =
    item.object === 'sandbox.settlement'
      ? world.tables.paymentIntents.get(item.id)?.customer
      : item.customer;
  return clockOfCustomer(world, customer);
}

/** Returns the queue of due work for a test clock. */
export function queueOf({ dueOnTestClocks: queues }: World, { id }: TestClock): DueQueue<Timed> {
  const queue = queues.get(id) ?? new DueQueue<Timed>();
  queues.set(id, queue);
  return queue;
}

/** Returns the test clock that a request follows, found through its parameters or the object in its path. */
export function testClockOfRequest(
  world: World,
  form: FormTree,
  id: string,
): TestClock | undefined {
  const { tables } = world;
  const { customer, test_clock: clock } = form;
  if (typeof clock === 'string') return tables.testClocks.get(clock);
  const object =
    tables.subscriptions.get(id) ??
    tables.schedules.get(id) ??
    tables.invoices.get(id) ??
    tables.sessions.get(id);
  return clockOfCustomer(world, typeof customer === 'string' ? customer : (object?.customer ?? id));
}

function clockOfCustomer(
  { tables }: World,
  customer: string | null | undefined,
): TestClock | undefined {
  return tables.testClocks.get(tables.customers.get(customer ?? '')?.test_clock ?? '');
}
