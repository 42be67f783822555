import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { optionalReference, reference } from '../../src/mirror/core/from-stripe.ts';
import { snapshotOf } from '../../src/mirror/core/stripe-snapshot.ts';
import { fetchSnapshot } from '../../src/mirror/fetch.ts';
import { linksIn, storeSnapshot } from '../../src/mirror/objects/registry.ts';
import {
  type Difference,
  differences,
  type StoredObjects,
} from '../../src/reconciliation/core/diff.ts';
import { loadStored } from '../../src/reconciliation/stored.ts';
import { type SyncedType, syncedTypes } from '../../src/webhook/core/events.ts';
import { objectKey } from '../../src/webhook/core/synced-object.ts';
import { drawNumber } from '../../src/webhook/fetch-numbers.ts';
import { queueProject } from '../../src/webhook/queue-upsert.ts';
import { reconcile } from '../helpers/reconciliation.ts';
import { testStart } from '../helpers/service.ts';
import { type Shop, startShop } from '../helpers/shop.ts';

/*
 * What must hold of every followed object, so that a new one is nowhere forgotten: no event about these
 * examples was delivered, and a reconciliation ran.
 */

let shop: Shop;
let examples: Record<SyncedType, string>;

/** The types whose objects are stored themselves. */
const storedTypes = syncedTypes.filter((type) => type !== 'entitlement_summary');

beforeAll(async () => {
  shop = await startShop();
  const { stripe, sandbox, prices } = shop;
  const subscribed = await stripe.checkout.sessions.retrieve(await shop.buy('ann', 'pro'), {
    expand: ['subscription'],
  });
  const bought = await stripe.checkout.sessions.retrieve(await shop.buy('ann', 'pass'), {
    expand: ['payment_intent'],
  });
  const { subscription, customer } = subscribed;
  const { payment_intent: intent } = bought;
  if (typeof subscription !== 'object' || typeof intent !== 'object') throw new Error('no object');
  const charge = idOf(intent?.latest_charge);
  await stripe.refunds.create({ charge, amount: 100 });
  examples = {
    product: reference((await stripe.prices.retrieve(prices.pro)).product),
    price: prices.pro,
    customer: idOf(customer),
    subscription: idOf(subscription),
    'checkout.session': bought.id,
    charge,
    dispute: await sandbox.billing.openDispute(charge),
    invoice: idOf(subscription?.latest_invoice),
    entitlement_summary: idOf(customer),
  };
  expect(await reconcile(shop.service)).toMatchObject({ status: 'done', error: null });
});
afterAll(() => shop.close());

describe.each(storedTypes)('%s', (objectType) => {
  it('is found by a reconciliation, and stored as Stripe shows it', async () => {
    const { database, stripe } = shop.service.deps;
    const object = { objectType, objectId: examples[objectType] };
    const number = await drawNumber(database);
    const snapshot = await fetchSnapshot(stripe, object);
    const stored = await loadStored(database.prisma, snapshot, number);
    expect([...stored.rows.keys()]).toContain(objectKey(object));
    expect(differences(snapshot, stored)).toEqual([]);
  });
});

const nothingStored: StoredObjects = {
  rows: new Map(),
  misowned: new Set(),
  newer: new Set(),
  arrivals: new Map(),
};

describe.each(storedTypes)('a stored %s', (objectType) => {
  it('is updated in every field that is written for a new one', async () => {
    const { database } = shop.service.deps;
    const samples = await loadSamples();
    const fetched = await fetchSnapshot(shop.stripe, {
      objectType,
      objectId: examples[objectType],
    });
    const rows = fetched[objectType].map((row) => withNewIds(row));
    const others = rows.map((row) => withOtherValues(row, unchanging[objectType] ?? [], samples));
    const snapshot = snapshotOf({ [objectType]: rows });
    const shown = fieldsOf(differences(snapshot, nothingStored));
    const changeable = shown.filter(({ name, value }) => !isUnchanging(objectType, name, value));
    await database.transaction(async (tx) => {
      const changes = async (): Promise<string[]> => {
        const { rows } = await loadStored(tx, snapshot, await drawNumber(database));
        return fieldsOf(differences(snapshot, { ...nothingStored, rows })).map(({ path }) => path);
      };
      await storeSnapshot(tx, snapshotOf({ [objectType]: others }));
      expect(await changes()).toEqual(expect.arrayContaining(changeable.map(({ path }) => path)));
      await storeSnapshot(tx, snapshot);
      expect(await changes()).toEqual([]);
    });
  });
});

/** References of rows that lead to no user and no payment. */
const unlinked: Partial<Record<SyncedType, string[]>> = { charge: ['customerId'] };

describe.each(syncedTypes)('a fetched %s', (objectType) => {
  it('links to the customer and the payments that its row names', async () => {
    const object = { objectType, objectId: examples[objectType] };
    const snapshot = await fetchSnapshot(shop.stripe, object);
    const named = snapshot[objectType].flatMap((row) => referencesIn(row, unlinked[objectType]));
    const {
      customer,
      intents = [],
      invoices = [],
    } = linksIn(snapshotOf({ [objectType]: snapshot[objectType] }))[0] ?? {};
    expect([customer, ...intents, ...invoices]).toEqual(expect.arrayContaining(named));
  });
});

/** The types whose project is known before the fetch. */
const takingTurns: readonly SyncedType[] = [
  'product',
  'customer',
  'subscription',
  'checkout.session',
  'entitlement_summary',
];

describe.each(syncedTypes)('an enqueued %s', (objectType) => {
  const isKnown = takingTurns.includes(objectType);
  it(isKnown ? 'takes the turn of its project' : 'is of no known project', async () => {
    const { rows } = await shop.service.deps.database.pool.query(
      `select ${queueProject} as project from (values ($1, $2)) w (object_type, object_id)`,
      [objectType, examples[objectType]],
    );
    expect(rows).toEqual([{ project: isKnown ? shop.projectId : '' }]);
  });
});

describe.each(syncedTypes)('an event about a %s', (objectType) => {
  it('is shown to the project that it concerns', async () => {
    const { rows } = await shop.service.deps.database.pool.query(
      'select distinct project_id from object_owners where object_type = $1 and object_id = $2',
      [objectType, examples[objectType]],
    );
    expect(rows).toEqual([{ project_id: shop.projectId }]);
  });
});

/** The fields of a row that never change at Stripe. */
const unchanging: Partial<Record<SyncedType, string[]>> = { price: ['productId'] };

const newId = '_new';

function isUnchanging(objectType: SyncedType, name: string, value: unknown): boolean {
  const names = ['deleted', ...(unchanging[objectType] ?? [])];
  return names.includes(name) || (typeof value === 'string' && value.endsWith(newId));
}

/** Returns the fields that Stripe shows otherwise. */
function fieldsOf(found: readonly Difference[]): { path: string; name: string; value: unknown }[] {
  return found
    .flatMap(({ stripe }) => Object.entries(stripe))
    .map(([path, value]) => ({ path, name: path.slice(path.lastIndexOf('.') + 1), value }));
}

/** Returns a row in which it and the rows that belong to it have new ids. */
function withNewIds<Row extends { id: string }>(row: Row): Row {
  const ids = new Set(idsIn(row));
  return mapValues(row, (_, value) =>
    typeof value === 'string' && ids.has(value) ? `${value}${newId}` : value,
  );
}

function idsIn(row: object): string[] {
  const children = Object.values(row).filter(Array.isArray).flat().filter(isRow);
  return [...(isRow(row) ? [row.id] : []), ...children.map(({ id }) => id)];
}

function isRow(value: unknown): value is { id: string } {
  return typeof value === 'object' && value !== null && 'id' in value;
}

/** Returns a row in which every field differs that can change. */
function withOtherValues<Row extends object>(
  row: Row,
  unchanging: readonly string[],
  samples: ReadonlyMap<string, unknown>,
): Row {
  return mapValues(row, (name, value) => {
    if (name === 'deleted' || unchanging.includes(name)) return value;
    if (typeof value === 'string') return value.endsWith(newId) ? value : `${value}_other`;
    if (typeof value === 'bigint') return value + 1n;
    if (typeof value === 'number') return value + 1;
    if (typeof value === 'boolean') return !value;
    if (value instanceof Date) return new Date(value.getTime() + 1_000);
    return value === null ? samples.get(name) : { other: value };
  });
}

/** Returns a row with other values, also in the rows that belong to it. */
function mapValues<Row extends object>(
  row: Row,
  valueOf: (name: string, value: unknown) => unknown,
): Row {
  const entries = Object.entries(row).map(([name, value]: [string, unknown]) => [
    name,
    Array.isArray(value)
      ? value.map((each: unknown) => (isRow(each) ? mapValues(each, valueOf) : each))
      : valueOf(name, value),
  ]);
  return Object.fromEntries(entries) as Row; // the same names, and values of the same types
}

/** Loads a value of the type of each column, by the column's field. */
async function loadSamples(): Promise<Map<string, unknown>> {
  const ofType: Record<string, unknown> = {
    bigint: 7n,
    integer: 7,
    text: 'other',
    'timestamp with time zone': new Date(testStart),
  };
  const { rows } = await shop.service.deps.database.pool.query<{ name: string; type: string }>(
    `select distinct column_name as name, data_type as type from information_schema.columns
     where table_schema = 'public'`,
  );
  return new Map(
    rows.map(({ name, type }) => [
      name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase()),
      ofType[type],
    ]),
  );
}

/** Returns the ids of customers, payment intents and invoices that a row names, at any depth. */
function referencesIn(row: object, except: readonly string[] = []): string[] {
  return Object.entries(row).flatMap(([name, value]: [string, unknown]): string[] => {
    if (typeof value === 'object' && value !== null) return referencesIn(value, except);
    const isReference = ['customerId', 'paymentIntentId', 'invoiceId'].includes(name);
    return isReference && typeof value === 'string' && !except.includes(name) ? [value] : [];
  });
}

function idOf(field: Parameters<typeof optionalReference>[0]): string {
  const id = optionalReference(field);
  if (id === null) throw new Error('Stripe names no object');
  return id;
}
