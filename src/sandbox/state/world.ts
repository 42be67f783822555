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

/** What time does something to. */
export type Timed = CheckoutSession | Invoice | Settlement | Subscription | SubscriptionSchedule;

/** What happens to a subscription whose invoice could not be collected. */
export interface Dunning {
  /** Days after the first failed attempt at which it is tried again, ascending. */
  retryDays: readonly number[];
  /** What follows the last one. */
  then: 'cancel' | 'unpaid' | 'past_due';
}

/** The state and what it needs to move on. One per sandbox; nothing in it is global. */
export interface World {
  readonly tables: Tables;
  readonly clock: SandboxClock;
  readonly accountId: string;
  dunning: Dunning;
  /** What falls due when, by the sandbox's clock. */
  readonly due: DueQueue<Timed>;
  /** The same of customers on a test clock, by the clock's id: their time is the clock's. */
  readonly dueOnTestClocks: Map<string, DueQueue<Timed>>;
  eventFaults: EventFaults;
  /** How many objects a page of a list holds at most, whatever `limit` asks for. */
  largestPage: number;
  /** Where the sandbox listens, for the links that it hands out. */
  baseUrl: string;
  /** The API request in hand, which events name. */
  request: { id: string; idempotencyKey: string | null } | null;
  /** Called with each new event, after it was stored. */
  onEvent: (event: SandboxEvent) => void;
}

/** As at Stripe. */
const largestPage = 100;

/** An empty world. Whatever is put into it falls due by itself. */
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

/** Forgets everything that is in it. */
export function clearWorld({ tables, due, dueOnTestClocks }: World): void {
  for (const table of Object.values(tables)) {
    table.clear();
  }
  due.clear();
  dueOnTestClocks.clear();
}

/** Notes that an object changed, where time does something to its kind. */
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

/** The object, or Stripe's `resource_missing`. */
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
