import { missing } from '../stripe-error.ts';
import type { SandboxClock } from './clock.ts';
import { DueQueue } from './due-queue.ts';
import type { EventFaults } from './event-faults.ts';
import type { Table } from './table.ts';
import {
  emptyTables,
  type CheckoutSession,
  type Entity,
  type Invoice,
  type InvoiceLine,
  type SandboxEvent,
  type Settlement,
  type Subscription,
  type SubscriptionSchedule,
  type Tables,
} from './tables.ts';

/** The objects for which work can become due. */
export type Timed = CheckoutSession | Invoice | Settlement | Subscription | SubscriptionSchedule;

/** What happens to a subscription if its invoice cannot be collected. */
export interface Dunning {
  /** The days after the invoice's finalization on which collection is retried, ascending. */
  retryDays: readonly number[];
  /** What happens to the subscription after the last retry. */
  then: 'cancel' | 'unpaid' | 'past_due';
}

/** The complete state of one sandbox. None of it is global, so several sandboxes can run side by side. */
export interface World {
  readonly tables: Tables;
  readonly clock: SandboxClock;
  readonly accountId: string;
  dunning: Dunning;
  /** The tax on invoices of subscriptions with automatic tax, in percent. Null adds none. */
  taxPercent: number | null;
  /** The lines of recent previews, by the preview's id, so that they can be listed. */
  readonly previews: Map<string, InvoiceLine[]>;
  /** Work scheduled on the sandbox's clock. */
  readonly due: DueQueue<Timed>;
  /** Work scheduled on test clocks, by the clock's id. */
  readonly dueOnTestClocks: Map<string, DueQueue<Timed>>;
  eventFaults: EventFaults;
  /** The maximum page size of lists, even if `limit` is larger. */
  largestPage: number;
  /** The sandbox's URL, used for links in its responses. */
  baseUrl: string;
  /** The current API request. Events record its id in `request.id`. */
  request: { id: string; idempotencyKey: string | null } | null;
  /** Called with each new event once it is stored. */
  onEvent: (event: SandboxEvent) => void;
}

/** Stripe's maximum page size. */
const largestPage = 100;

/** Creates an empty world. It tracks the due work of objects that are added to it. */
export function newWorld(
  settings: Pick<World, 'clock' | 'accountId' | 'dunning' | 'onEvent'>,
): World {
  const tables = emptyTables();
  const due = new DueQueue<Timed>();
  const follow = <T extends Timed>(table: Table<T, string>): void => {
    table.onSet = (row) => {
      due.touch(row);
    };
  };
  follow(tables.sessions);
  follow(tables.settlements);
  follow(tables.schedules);
  follow(tables.subscriptions);
  follow(tables.invoices);
  return {
    ...settings,
    taxPercent: null,
    previews: new Map(),
    tables,
    due,
    dueOnTestClocks: new Map(),
    eventFaults: {},
    largestPage,
    baseUrl: '',
    request: null,
  };
}

/** Deletes all of a world's objects and its queued work. */
export function clearWorld({ tables, due, dueOnTestClocks, previews }: World): void {
  for (const table of Object.values(tables)) {
    table.clear();
  }
  due.clear();
  previews.clear();
  dueOnTestClocks.clear();
}

/** Marks an object as changed, if work can become due for it. */
export function touch(world: World, entity: Entity): void {
  if (isTimed(entity)) {
    world.due.touch(entity);
  }
}

const timedKinds: ReadonlySet<string> = new Set<Timed['object']>([
  'checkout.session',
  'invoice',
  'sandbox.settlement',
  'subscription',
  'subscription_schedule',
]);

function isTimed(entity: Entity): entity is Timed {
  return timedKinds.has(entity.object);
}

/** Returns the object with an id, or throws Stripe's `resource_missing`. */
export function need<T>(
  table: ReadonlyMap<string, T>,
  kind: string,
  id: string,
  param?: string,
  status?: number,
): T {
  const found = table.get(id);
  if (found === undefined) {
    throw missing(kind, id, param, status);
  }
  return found;
}
