import type Stripe from 'stripe';
import { snapshotOf, type StripeSnapshot } from '../mirror/core/stripe-snapshot.ts';
import { customerRow } from '../mirror/objects/customer.ts';
import type { Tx } from '../platform/database.ts';
import type { SyncedType } from '../webhook/core/events.ts';
import type { SyncedRef } from '../webhook/core/synced-object.ts';
import { differsFromStored } from './core/diff.ts';
import { correctPage } from './correct-page.ts';
import {
  type AliveQuery,
  compareSingle,
  compareUnlisted,
  fetchPage,
  type Listed,
  type ListParams,
} from './pages.ts';
import type { Position, RunContext } from './run-context.ts';

/** Compares one page and returns the position of the next; null after the last page. */
export type Step = (context: RunContext, position: Position) => Promise<Position | null>;

interface ComparedList<T> {
  list: (stripe: Stripe, params: ListParams) => Promise<Stripe.ApiList<T>>;
  /** Whether to list only objects created since the last success. */
  onlyRecent: boolean;
}

interface WholeList<T> extends ComparedList<T> {
  /** Returns which objects of a page to compare. If absent, all are compared. */
  select?: (tx: Tx, objects: readonly T[]) => Promise<readonly T[]>;
  /** Returns the snapshot for a listed object, equal to the one that `fetchSnapshot` would return. */
  toSnapshot: (context: RunContext, object: T) => Promise<StripeSnapshot>;
  /** Returns an object's customer, which is compared too if the list expands it. */
  customerOf?: (object: T) => string | Stripe.Customer | Stripe.DeletedCustomer | null;
  /** The stored objects that are alive in the mirror and that the list must therefore contain. */
  alive?: {
    objectType: SyncedType;
    load(tx: Tx, query: AliveQuery): Promise<{ id: string }[]>;
  };
}

/**
 * Returns the step that compares a list of complete objects, and then the stored objects that the page lacks.
 */
export function compareList<T extends Listed>(compared: WholeList<T>): Step {
  const { select, toSnapshot, customerOf, alive } = compared;
  return async (context, position) => {
    const { prisma } = context.deps.database;
    const page = await pageOf(compared, context, position);
    const selected = (await select?.(prisma, page.objects)) ?? page.objects;
    const snapshots: StripeSnapshot[] = [];
    for (const object of selected) snapshots.push(await toSnapshot(context, object));
    const expanded = page.objects
      .map((object) => customerOf?.(object) ?? null)
      .filter((customer) => typeof customer === 'object')
      .filter((customer) => customer !== null);
    const customers = new Map(expanded.map((customer) => [customer.id, customerRow(customer)]));
    const customerSnapshots = [...customers.values()].map((row) => snapshotOf({ customer: [row] }));
    // Customers come first, because the owner of an object may depend on its customer.
    if (customerOf !== undefined) await correctPage(context, customerSnapshots, page.number);
    await correctPage(context, snapshots, page.number, (snapshot) => {
      const objects = [...snapshot.subscription, ...snapshot['checkout.session']];
      const rows = objects.flatMap(({ customerId }) => customers.get(customerId ?? '') ?? []);
      return { customers: [...new Set(rows)] };
    });
    if (alive !== undefined) {
      await compareUnlisted(context, alive.objectType, position, page, (query) =>
        alive.load(prisma, query),
      );
    }
    return page.next;
  };
}

/** Returns a `toSnapshot` that adds a listed object to an empty snapshot. */
export function added<T>(
  add: (stripe: Stripe, snapshot: StripeSnapshot, object: T) => Promise<void>,
): WholeList<T>['toSnapshot'] {
  return async ({ deps }, object) => {
    const snapshot = snapshotOf();
    await add(deps.stripeForReconciliation, snapshot, object);
    return snapshot;
  };
}

interface PartialList<T, Row extends { id: string }> extends ComparedList<T> {
  toRow(object: T): Row;
  load(tx: Tx, rows: readonly Row[]): Promise<{ id: string }[]>;
  /** Returns the objects to fetch if the row differs. */
  refsOf(row: Row): SyncedRef[];
}

/**
 * Returns the step that compares a list of incomplete objects. Those that differ are fetched individually.
 */
export function compareParts<T extends Listed, Row extends { id: string }>(
  compared: PartialList<T, Row>,
): Step {
  return async (context, position) => {
    const { objects, next } = await pageOf(compared, context, position);
    const rows = objects.map((object) => compared.toRow(object));
    const stored = await compared.load(context.deps.database.prisma, rows);
    const byId = new Map(stored.map((row) => [row.id, row]));
    const differing = rows
      .filter((row) => differsFromStored(row, byId.get(row.id)))
      .flatMap((row) => compared.refsOf(row));
    for (const object of new Map(differing.map((ref) => [ref.objectId, ref])).values()) {
      await context.beat();
      await compareSingle(context, object, false);
    }
    return next;
  };
}

function pageOf<T extends Listed>(
  { list, onlyRecent }: ComparedList<T>,
  context: RunContext,
  position: Position,
): ReturnType<typeof fetchPage<T>> {
  const stripe = context.deps.stripeForReconciliation;
  const since = onlyRecent ? context.since : null;
  return fetchPage(context, (params) => list(stripe, params), position, since);
}
