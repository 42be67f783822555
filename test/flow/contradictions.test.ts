import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { syncObject } from '../../src/mirror/sync.ts';
import type { ApiFault } from '../../src/sandbox/http/api-faults.ts';
import type { JsonObject } from '../../src/sandbox/wire.ts';
import { at, text } from '../helpers/json.ts';
import { reconcile } from '../helpers/reconciliation.ts';
import { adminKey } from '../helpers/service.ts';
import { type Shop, startShop } from '../helpers/shop.ts';

/*
 * Stripe contradicts itself. Nothing is concluded from that: what asked fails, and says what was wrong.
 */

const pro = { export: true, notebooks: 10 };

let shop: Shop;
beforeEach(async () => {
  shop = await startShop();
});
afterEach(() => shop.close());

function alter(path: ApiFault['path'], change: (answer: JsonObject) => JsonObject): void {
  shop.sandbox.faults.api({ path: path ?? /./, method: 'GET', alter: change });
}

/** Every page of the list is the first one, and says that there is more. */
function repeatPages(path: string): void {
  let first: JsonObject | undefined;
  alter(path, (answer) => ({ ...(first ??= answer), has_more: true }));
}

async function lastErrorOf(objectType: string): Promise<string | null> {
  const row = await shop.service.deps.database.prisma.followedObject.findFirst({
    where: { objectType },
  });
  return row?.lastError ?? null;
}

function link(user: string, customer: string) {
  return shop.service.request('POST', `/admin/users/${user}/customers`, {
    key: adminKey,
    body: { project_id: 'notes', stripe_customer_id: customer },
  });
}

async function subscribe(customer: string): Promise<string> {
  const items = [{ price: shop.prices.pro }];
  return (await shop.stripe.subscriptions.create({ customer, items })).id;
}

describe('an answer about another object than was asked for', () => {
  it('is a failed try that says so, and writes nothing', async () => {
    await shop.buy('ann', 'pro');
    const { id } = await shop.subscriptionOf('ann');
    alter(`/v1/subscriptions/${id}`, (answer) => {
      const another = JSON.stringify(answer).replaceAll(id, 'sub_another');
      return JSON.parse(another) as JsonObject;
    });
    await shop.settle();
    expect(await lastErrorOf('subscription')).toBe(
      'Stripe returned a different subscription than requested',
    );
    expect(await shop.service.deps.database.prisma.subscription.findMany()).toEqual([]);
    shop.sandbox.faults.clear();
    shop.service.clock.advance(2_000);
    await shop.service.runWorker();
    expect(await shop.entitled('ann')).toEqual(pro);
  });

  it('502 on the success page', async () => {
    const session = await shop.buy('ann', 'forever');
    alter(/^\/v1\/checkout\/sessions\/cs_/, (answer) => ({ ...answer, id: 'cs_another' }));
    expect(
      await shop.service.request('GET', `/checkout/sessions/${session}`, { key: shop.key }),
    ).toMatchObject({ status: 502, body: { code: 'stripe_unavailable' } });
  });

  it('502 where a customer is linked', async () => {
    const { id } = await shop.stripe.customers.create();
    alter(`/v1/customers/${id}`, (answer) => ({ ...answer, id: 'cus_another' }));
    expect(await link('ann', id)).toMatchObject({
      status: 502,
      body: { code: 'stripe_unavailable' },
    });
  });
});

describe('objects that belong together and have different customers', () => {
  it('are a failed try that says so: a session and its subscription', async () => {
    shop.sandbox.faults.webhooks = { drop: ['customer.*', 'invoice.*'] };
    await shop.buy('ann', 'pro');
    alter(/^\/v1\/subscriptions\/sub_/, (answer) => ({ ...answer, customer: 'cus_another' }));
    await shop.settle();
    expect(await lastErrorOf('checkout.session')).toBe(
      'Stripe returned related objects with different customers',
    );
    expect(await shop.service.deps.database.prisma.subscription.findMany()).toEqual([]);
  });

  it('are a failed try: subscriptions that are listed for a customer', async () => {
    const { id } = await shop.stripe.customers.create();
    const { id: another } = await shop.stripe.customers.create();
    const theirs = await subscribe(another);
    const shown = await shop.stripe.subscriptions.list({ customer: another, status: 'all' });
    expect(shown.data.map((one) => one.id)).toEqual([theirs]);
    alter('/v1/subscriptions', (answer) => ({
      ...answer,
      data: JSON.parse(JSON.stringify(shown.data)) as JsonObject[],
    }));
    const summary = { objectType: 'entitlement_summary', objectId: id } as const;
    await expect(syncObject(shop.service.deps, summary)).rejects.toThrow(
      'Stripe returned related objects with different customers',
    );
    expect(await link('ann', id)).toMatchObject({ status: 502 });
    expect(await shop.service.deps.database.prisma.subscription.findMany()).toEqual([]);
  });

  it('are a failed try: items that are listed for a subscription', async () => {
    const { id: customer } = await shop.stripe.customers.create();
    const id = await subscribe(customer);
    alter(`/v1/subscriptions/${id}`, (answer) => ({
      ...answer,
      items: { ...(answer['items'] as JsonObject), has_more: true },
    }));
    alter('/v1/subscription_items', (answer) => ({
      ...answer,
      data: (answer['data'] as JsonObject[]).map((item) => ({ ...item, subscription: 'sub_x' })),
    }));
    const subscription = { objectType: 'subscription', objectId: id } as const;
    await expect(syncObject(shop.service.deps, subscription)).rejects.toThrow(
      'Stripe listed an object that belongs to another owner',
    );
  });
});

describe('pages that do not lead further', () => {
  beforeEach(() => {
    shop.sandbox.largestPage = 2;
  });

  it('fail a try: what a customer has', async () => {
    const { id } = await shop.stripe.customers.create();
    for (let count = 0; count < 3; count += 1) await subscribe(id);
    repeatPages('/v1/subscriptions');
    const asked = shop.sandbox.requests.length;
    const summary = { objectType: 'entitlement_summary', objectId: id } as const;
    await expect(syncObject(shop.service.deps, summary)).rejects.toThrow(
      'Stripe returned the same list page again',
    );
    expect(shop.sandbox.requests.length - asked).toBe(2);
  });

  it('fail a try where they are empty, and say that there is more', async () => {
    const { id } = await shop.stripe.customers.create();
    alter('/v1/subscriptions', (answer) => ({ ...answer, has_more: true }));
    const summary = { objectType: 'entitlement_summary', objectId: id } as const;
    await expect(syncObject(shop.service.deps, summary)).rejects.toThrow(
      'Stripe returned an empty page with `has_more`',
    );
  });

  it('502 where a catalog is imported', async () => {
    repeatPages('/v1/products');
    const body = { project_id: 'notes' };
    expect(
      await shop.service.request('POST', '/admin/catalog/import', { key: adminKey, body }),
    ).toMatchObject({ status: 502, body: { code: 'stripe_unavailable' } });
  });

  it('502 where a customer is linked', async () => {
    const { id } = await shop.stripe.customers.create();
    for (let count = 0; count < 3; count += 1) await subscribe(id);
    repeatPages('/v1/subscriptions');
    expect(await link('ann', id)).toMatchObject({
      status: 502,
      body: { code: 'stripe_unavailable' },
    });
  });

  it.each(['/v1/products', '/v1/customers', '/v1/subscriptions', '/v1/checkout/sessions'])(
    'end a reconciliation as failed: %s',
    async (path) => {
      for (const user of ['ann', 'bob', 'eve']) await shop.buy(user, 'pro');
      await shop.settle();
      repeatPages(path);
      const run = await reconcile(shop.service);
      expect(run).toMatchObject({
        status: 'failed',
        error: 'stripe_implausible: Stripe returned the same list page again',
        findings: [],
      });
      expect(await shop.entitled('ann')).toEqual(pro);
    },
  );
});

describe('a list that shows what Stripe does not know when it is asked for it', () => {
  it('is an alarm where a customer is linked, and the event says it', async () => {
    const { id: customer } = await shop.stripe.customers.create();
    const id = await subscribe(customer);
    shop.sandbox.faults.api({ path: `/v1/subscriptions/${id}`, method: 'GET', status: 404 });
    expect(await link('ann', customer)).toMatchObject({ status: 200, body: { pending: 1 } });
    await shop.sandbox.deliver();
    for (let seconds = 0; seconds < 10; seconds += 1) {
      await shop.service.runWorker();
      shop.service.clock.advance(1_000);
    }
    const { body } = await shop.service.request('GET', '/admin/events?status=processed', {
      key: adminKey,
    });
    const events = at(body, 'data') as unknown[];
    const missing = events.filter((event) => at(event, 'object_missing') === true);
    expect(new Set(missing.map((event) => text(event, 'object', 'id')))).toEqual(new Set([id]));
    expect(events.length).toBeGreaterThan(missing.length);
    const counted = await shop.service.deps.metrics.alarms.get();
    expect(
      counted.values.find(({ labels }) => labels.kind === 'object_missing')?.value,
    ).toBeGreaterThan(0);
  });

  it('is an open finding of a reconciliation', async () => {
    const session = await shop.buy('ann', 'pro', 'forever');
    await shop.settle();
    const before = await shop.entitled('ann');
    shop.sandbox.faults.api({
      path: `/v1/checkout/sessions/${session}`,
      method: 'GET',
      status: 404,
    });
    expect(await reconcile(shop.service)).toMatchObject({
      status: 'done',
      findings: ['orphan_local checkout.session open'],
    });
    expect(await shop.entitled('ann')).toEqual(before);
  });
});
