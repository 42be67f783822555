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
  type SandboxEvent,
  type Settlement,
  type Subscription,
  type SubscriptionSchedule,
  type Tables,
} from './tables.ts';

/** The kinds of objects that change with time. */
export type Timed = CheckoutSession | Invoice | Settlement | Subscription | SubscriptionSchedule;

/** The treatment of a subscription whose invoice could not be collected. */
export interface Dunning {
  /** Days after the first failed attempt at which it is retried, ascending. */
  retryDays: readonly number[];
  /** The state after the last retry. */
  then: 'cancel' | 'unpaid' | 'past_due';
}

/** The state of one sandbox and everything that changes it; nothing is global. */
export interface World {
  readonly tables: Tables;
  readonly clock: SandboxClock;
  readonly accountId: string;
  dunning: Dunning;
  /** Work that is due by the sandbox's clock. */
  readonly due: DueQueue<Timed>;
  /** Work that is due for customers on a test clock, by the clock's id. */
  readonly dueOnTestClocks: Map<string, DueQueue<Timed>>;
  eventFaults: EventFaults;
  /** Maximum number of objects in a page of a list, even if `limit` is larger. */
  largestPage: number;
  /** The sandbox's URL, for the links in its responses. */
  baseUrl: string;
  /** The current API request, whose id events contain. */
  request: { id: string; idempotencyKey: string | null } | null;
  /** Called with each new event, after it was stored. */
  onEvent: (event: SandboxEvent) => void;
}

/** As at Stripe. */
const largestPage = 100;

/** Creates an empty world. Objects that are added to it fall due automatically. */
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
    tables,
    due,
    dueOnTestClocks: new Map(),
    eventFaults: {},
    largestPage,
    baseUrl: '',
    request: null,
  };
}

/** Deletes everything in it. */
export function clearWorld({ tables, due, dueOnTestClocks }: World): void {
  for (const table of Object.values(tables)) {
    table.clear();
  }
  due.clear();
  dueOnTestClocks.clear();
}

/** Marks an object as changed, if its kind changes with time. */
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

/** Returns the object, or throws Stripe's `resource_missing`. */
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
