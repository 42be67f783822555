import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { optionalReference, reference } from '../../src/mirror/core/from-stripe.ts';
import { snapshotOf } from '../../src/mirror/core/stripe-snapshot.ts';
import { fetchSnapshot } from '../../src/mirror/fetch.ts';
import { linksIn } from '../../src/mirror/objects/registry.ts';
import { differences } from '../../src/reconciliation/core/diff.ts';
import { loadStored } from '../../src/reconciliation/stored.ts';
import { type SyncedType, syncedTypes } from '../../src/webhook/core/events.ts';
import { objectKey } from '../../src/webhook/core/synced-object.ts';
import { drawNumber } from '../../src/webhook/fetch-numbers.ts';
import { reconcile } from '../helpers/reconciliation.ts';
import { type Shop, startShop } from '../helpers/shop.ts';

/*
 * What must hold of every followed object, so that a new one is nowhere forgotten: no event about these
 * examples was delivered, and a reconciliation ran.
 */

let shop: Shop;
let examples: Record<SyncedType, string>;

/** Objects of these types come with others and are not stored themselves. */
const unstored: readonly SyncedType[] = ['entitlement_summary'];

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

describe.each(syncedTypes.filter((type) => !unstored.includes(type)))('%s', (objectType) => {
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

describe.each(syncedTypes)('an event about a %s', (objectType) => {
  it('is shown to the project that it concerns', async () => {
    const { rows } = await shop.service.deps.database.pool.query(
      'select distinct project_id from object_owners where object_type = $1 and object_id = $2',
      [objectType, examples[objectType]],
    );
    expect(rows).toEqual([{ project_id: shop.projectId }]);
  });
});

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
