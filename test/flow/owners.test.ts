import type Stripe from 'stripe';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { applySnapshot } from '../../src/mirror/apply.ts';
import { fetchSnapshot } from '../../src/mirror/fetch.ts';
import { syncObject } from '../../src/mirror/sync.ts';
import { lockJoinKeys } from '../../src/platform/locks.ts';
import { drawNumber } from '../../src/webhook/fetch-numbers.ts';
import { reconcile } from '../helpers/reconciliation.ts';
import { type Shop, startShop } from '../helpers/shop.ts';
import { countWaitingLocks } from '../helpers/waiting-locks.ts';

/* The owner of a Stripe object, for any order of arrival of related objects (promise 2). */

let shop: Shop;
let userId = '';
let counter = 0;
const pro = { export: true, notebooks: 10 };

beforeAll(async () => {
  shop = await startShop();
});
afterAll(() => shop.close());
beforeEach(() => {
  counter += 1;
  userId = `u_${counter}`;
});

/** Paid on a page that we did not open, by a guest. */
async function buyElsewhere(
  params: Pick<Stripe.Checkout.SessionCreateParams, 'customer' | 'metadata'>,
  price: 'pro' | 'forever',
): Promise<string> {
  const { id } = await shop.stripe.checkout.sessions.create({
    mode: price === 'pro' ? 'subscription' : 'payment',
    line_items: [{ price: shop.prices[price], quantity: 1 }],
    success_url: 'https://elsewhere.example',
    ...params,
  });
  await shop.sandbox.buyer.pay(id);
  return id;
}

const ours = () => ({ project_id: 'notes', user_id: userId });

describe('a customer whom metadata assign to a user', () => {
  it('brings along the subscriptions and purchases that were stored before', async () => {
    const { id: customer } = await shop.stripe.customers.create();
    await buyElsewhere({ customer }, 'pro');
    await buyElsewhere({ customer }, 'forever');
    await shop.settle();
    expect(await shop.entitled(userId)).toEqual({});
    await shop.stripe.customers.update(customer, { metadata: ours() });
    await shop.settle();
    expect(await shop.entitled(userId)).toEqual({ ...pro, theme: { dark: false } });
  });

  it('waits for a refund of what is brought along, and a refund waits for it', async () => {
    const { deps } = shop.service;
    const { id: customer } = await shop.stripe.customers.create();
    const session = await buyElsewhere({ customer }, 'forever');
    await shop.settle();
    await shop.stripe.customers.update(customer, { metadata: ours() });
    const { paymentIntentId } = await deps.database.prisma.checkoutSession.findUniqueOrThrow({
      where: { id: session },
    });
    const number = await drawNumber(deps.database);
    const snapshot = await fetchSnapshot(shop.stripe, {
      objectType: 'customer',
      objectId: customer,
    });
    let linked = false;
    let linking = Promise.resolve();
    await deps.database.transaction(async (tx) => {
      await lockJoinKeys(tx, [paymentIntentId ?? '']);
      linking = applySnapshot(deps, snapshot, number).then(() => {
        linked = true;
      });
      await vi.waitUntil(async () => linked || (await countWaitingLocks(deps.database)) > 0);
      expect(linked).toBe(false);
    });
    await linking;
    expect(await shop.entitled(userId)).toEqual({ theme: { dark: false } });
  });
});

describe('metadata', () => {
  it('does not beat the checkout that we opened', async () => {
    await shop.buy(userId, 'pro');
    await shop.settle();
    const subscription = await shop.subscriptionOf(userId);
    await shop.stripe.subscriptions.update(subscription.id, {
      metadata: { project_id: 'notes', user_id: 'somebody_else' },
    });
    await shop.settle();
    expect(await shop.entitled(userId)).toEqual(pro);
    expect(await shop.entitled('somebody_else')).toEqual({});
  });

  it('takes precedence over the user of a customer that two apps share, in either order of events', async () => {
    const other = `tasks_${counter}`;
    await shop.service.createProject(other);
    for (const first of ['subscription', 'customer'] as const) {
      userId = `u_${counter}_${first}`;
      const { id: customer } = await shop.stripe.customers.create();
      const link = async (): Promise<void> => {
        await shop.stripe.customers.update(customer, {
          metadata: { project_id: other, user_id: userId },
        });
        await shop.settle();
      };
      if (first === 'customer') await link();
      await buyElsewhere({ customer, metadata: ours() }, 'forever');
      await shop.settle();
      if (first === 'subscription') await link();
      expect(await shop.entitled(userId)).toEqual({ theme: { dark: false } });
      const session = await shop.service.deps.database.prisma.checkoutSession.findFirstOrThrow({
        where: { customerId: customer },
      });
      await syncObject(shop.service.deps, { objectType: 'checkout.session', objectId: session.id });
      expect(await shop.entitled(userId)).toEqual({ theme: { dark: false } });
    }
  });

  it('of a project that is made later finds its user then', async () => {
    const later = `later_${counter}`;
    await buyElsewhere({ metadata: { project_id: later, user_id: userId } }, 'forever');
    await shop.settle();
    await shop.service.createProject(later);
    await shop.service.runWorker();
    const { prisma } = shop.service.deps.database;
    const purchase = await prisma.purchase.findFirstOrThrow({
      where: { user: { projectId: later } },
      include: { user: true },
    });
    expect(purchase.user?.userId).toBe(userId);
  });

  it('of a customer whose project is made later bring along what it has with the next reconciliation', async () => {
    const later = `later_${counter}`;
    const { id: customer } = await shop.stripe.customers.create({
      metadata: { project_id: later, user_id: userId },
    });
    await buyElsewhere({ customer }, 'pro');
    await buyElsewhere({ customer }, 'forever');
    await shop.settle();
    await shop.service.createProject(later);
    await reconcile(shop.service);
    const { prisma } = shop.service.deps.database;
    const user = await prisma.user.findUniqueOrThrow({
      where: { projectId_userId: { projectId: later, userId } },
      include: { subscriptions: true, purchases: true },
    });
    expect([user.subscriptions.length, user.purchases.length]).toEqual([1, 1]);
  });

  it("that names another project's user gives that user nothing of ours", async () => {
    const { key } = await shop.service.createProject(`other_${counter}`);
    await buyElsewhere({ metadata: { project_id: `other_${counter}`, user_id: userId } }, 'pro');
    await shop.settle();
    const answer = await shop.service.request('GET', `/entitlements?user_id=${userId}`, { key });
    expect(answer.body).toMatchObject({ entitlements: [] });
    expect(await shop.entitled(userId)).toEqual({});
  });

  it.each([
    ['a project that does not exist', { project_id: 'nowhere', user_id: 'u_lost' }],
    ['no user', { project_id: 'notes' }],
    ['a user without a name', { project_id: 'notes', user_id: '' }],
  ])('that names %s is nobody’s, and is kept', async (_, metadata) => {
    const id = await buyElsewhere({ metadata }, 'forever');
    await shop.settle();
    const stored = await shop.service.deps.database.prisma.checkoutSession.findUniqueOrThrow({
      where: { id },
      include: { purchases: true },
    });
    expect([stored.uid, stored.purchases[0]?.uid]).toEqual([null, null]);
  });
});

describe('metadata that name another project', () => {
  const rival = `rival_of_notes`;
  beforeAll(async () => {
    await shop.service.createProject(rival);
  });

  const link = async (id: string): Promise<void> => {
    const { status } = await shop.service.request('POST', `/admin/users/${userId}/customers`, {
      key: shop.service.adminKey,
      body: { project_id: 'notes', stripe_customer_id: id },
    });
    expect(status).toBe(200);
  };
  const ownersOf = async (customer: string) => {
    const include = { user: true };
    const { prisma } = shop.service.deps.database;
    const rows = [
      await prisma.customer.findUniqueOrThrow({ where: { id: customer }, include }),
      ...(await prisma.subscription.findMany({ where: { customerId: customer }, include })),
      ...(await prisma.checkoutSession.findMany({ where: { customerId: customer }, include })),
      ...(await prisma.purchase.findMany({
        where: { session: { customerId: customer } },
        include,
      })),
    ];
    return new Set(rows.map(({ user }) => user && `${user.projectId} ${user.userId}`));
  };

  it.each([
    ['an operator linked it', async (id: string) => link(id)],
    [
      'its metadata named ours before',
      async (id: string) => {
        await shop.stripe.customers.update(id, { metadata: ours() });
        await shop.settle();
      },
    ],
  ])('move a customer with all it has, though %s', async (_, give) => {
    const { id: customer } = await shop.stripe.customers.create();
    await buyElsewhere({ customer }, 'pro');
    await buyElsewhere({ customer }, 'forever');
    await give(customer);
    expect(await shop.entitled(userId)).toEqual({ ...pro, theme: { dark: false } });
    await shop.stripe.customers.update(customer, {
      metadata: { project_id: rival, user_id: 'them' },
    });
    await shop.settle();
    expect(await ownersOf(customer)).toEqual(new Set([`${rival} them`]));
    expect(await shop.entitled(userId)).toEqual({});
  });

  it('without a user leave it without one until that project names one', async () => {
    const { id: customer } = await shop.stripe.customers.create();
    await buyElsewhere({ customer }, 'forever');
    await link(customer);
    await shop.stripe.customers.update(customer, { metadata: { project_id: rival } });
    await shop.settle();
    expect(await ownersOf(customer)).toEqual(new Set([null]));
    expect(await shop.entitled(userId)).toEqual({});
  });

  it('take precedence over the link of its customer, in either order of events', async () => {
    for (const first of ['link', 'purchase'] as const) {
      userId = `u_${counter}_${first}`;
      const { id: customer } = await shop.stripe.customers.create();
      if (first === 'link') await link(customer);
      await buyElsewhere({ customer, metadata: { project_id: rival, user_id: 'them' } }, 'forever');
      await shop.settle();
      if (first === 'purchase') await link(customer);
      await shop.settle();
      const session = await shop.service.deps.database.prisma.checkoutSession.findFirstOrThrow({
        where: { customerId: customer },
        include: { user: true },
      });
      expect(session.user?.projectId, first).toBe(rival);
      expect(await shop.entitled(userId), first).toEqual({});
    }
  });

  it('do not move what was sold through a checkout of ours', async () => {
    await shop.buy(userId, 'forever');
    await shop.settle();
    const customer = await shop.customerOf(userId);
    await shop.stripe.customers.update(customer, {
      metadata: { project_id: rival, user_id: 'them' },
    });
    await shop.settle();
    expect(await shop.entitled(userId)).toEqual({ theme: { dark: false } });
    expect((await shop.checkout(userId, 'pro')).status).toBe(201);
  });
});

describe('a snapshot that is older than what is stored', () => {
  it('changes no owner either', async () => {
    const { deps } = shop.service;
    const { id: customer } = await shop.stripe.customers.create();
    const metadata = { ...ours(), user_id: `${userId}_before` };
    const { id } = await shop.stripe.subscriptions.create({
      customer,
      items: [{ price: shop.prices.pro }],
      metadata,
    });
    const object = { objectType: 'subscription', objectId: id } as const;
    const number = await drawNumber(deps.database);
    const older = await fetchSnapshot(shop.stripe, object);
    await shop.stripe.subscriptions.update(id, { metadata: ours() });
    await syncObject(deps, object);
    await applySnapshot(deps, older, number);
    expect(await shop.entitled(userId)).toEqual(pro);
    expect(await shop.entitled(`${userId}_before`)).toEqual({});
  });
});

describe('a guest', () => {
  it('is never matched by e-mail', async () => {
    const email = `reader${counter}@example.com`;
    await shop.stripe.customers.create({ email, metadata: ours() });
    const { id } = await shop.stripe.checkout.sessions.create({
      mode: 'payment',
      customer_email: email,
      line_items: [{ price: shop.prices.forever, quantity: 1 }],
      success_url: 'https://elsewhere.example',
    });
    await shop.sandbox.buyer.pay(id);
    await shop.settle();
    expect(await shop.entitled(userId)).toEqual({});
  });
});
