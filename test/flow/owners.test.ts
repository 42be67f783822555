import Stripe from 'stripe';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { applyPicture } from '../../src/mirror/apply.ts';
import { fetchPicture } from '../../src/mirror/fetch.ts';
import { syncObject } from '../../src/mirror/sync.ts';
import { lockJoinKeys } from '../../src/platform/locks.ts';
import { drawNumber } from '../../src/webhook/followed.ts';
import { reconcile } from '../helpers/reconciliation.ts';
import { type Shop, startShop } from '../helpers/shop.ts';

/* Whose a Stripe object is, whatever order its relatives arrive in (promise 2). */

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

/** Paid on a page that we did not open, by somebody who left no name. */
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

describe('a customer who is told to be a user', () => {
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
    const picture = await fetchPicture(shop.stripe, {
      objectType: 'customer',
      objectId: customer,
    });
    let linked = false;
    let linking = Promise.resolve();
    await deps.database.transaction(async (tx) => {
      await lockJoinKeys(tx, [paymentIntentId ?? '']);
      linking = applyPicture(deps, picture, number).then(() => {
        linked = true;
      });
      await vi.waitUntil(async () => linked || (await countWaiting()) > 0);
      expect(linked).toBe(false);
    });
    await linking;
    expect(await shop.entitled(userId)).toEqual({ theme: { dark: false } });
  });

  async function countWaiting(): Promise<number> {
    const { rows } = await shop.service.deps.database.pool.query(
      `select from pg_locks l join pg_database d on d.oid = l.database
       where d.datname = current_database() and l.locktype = 'advisory' and not l.granted`,
    );
    return rows.length;
  }
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

  it('goes before the user of a customer that two apps share, whichever is told of first', async () => {
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

  it('without a user leave it to nobody until that project says', async () => {
    const { id: customer } = await shop.stripe.customers.create();
    await buyElsewhere({ customer }, 'forever');
    await link(customer);
    await shop.stripe.customers.update(customer, { metadata: { project_id: rival } });
    await shop.settle();
    expect(await ownersOf(customer)).toEqual(new Set([null]));
    expect(await shop.entitled(userId)).toEqual({});
  });

  it('go before the link of its customer, whichever is told of first', async () => {
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

describe('a picture that is older than what is stored', () => {
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
    const older = await fetchPicture(shop.stripe, object);
    await shop.stripe.subscriptions.update(id, { metadata: ours() });
    await syncObject(deps, object);
    await applyPicture(deps, older, number);
    expect(await shop.entitled(userId)).toEqual(pro);
    expect(await shop.entitled(`${userId}_before`)).toEqual({});
  });
});

describe('an intent’s id on a session that is not its own', () => {
  const intentOf = (user: string) =>
    shop.service.deps.database.prisma.checkoutIntent.findFirstOrThrow({
      where: { user: { userId: user } },
      orderBy: { createdAt: 'desc' },
    });
  /** As a payment link makes it: the buyer sets the reference, the merchant the metadata. */
  async function payByLink(
    reference: string,
    price: 'pro' | 'forever',
    metadata: Record<string, string> = { project_id: 'notes' },
  ): Promise<string> {
    const { id } = await shop.stripe.checkout.sessions.create({
      mode: price === 'pro' ? 'subscription' : 'payment',
      line_items: [{ price: shop.prices[price], quantity: 1 }],
      success_url: 'https://elsewhere.example',
      client_reference_id: reference,
      metadata,
      ...(price === 'pro' ? { subscription_data: { metadata } } : {}),
    });
    await shop.sandbox.buyer.pay(id);
    await shop.settle();
    return id;
  }
  const alarms = async (): Promise<number> => {
    const { values } = await shop.service.deps.metrics.alarms.get();
    return values.find(({ labels }) => labels.kind === 'intent_of_another_session')?.value ?? 0;
  };
  /** As if Stripe's answer never came. */
  async function loseAnswer(user: string, price: 'pro' | 'forever'): Promise<string> {
    await shop.checkout(user, price);
    const { id, sessionId } = await intentOf(user);
    await shop.stripe.checkout.sessions.expire(sessionId ?? '');
    await shop.service.deps.database.prisma.checkoutIntent.update({
      where: { id },
      data: { sessionId: null, customerId: null, expiresAt: null, status: 'failed' },
    });
    return id;
  }

  it.each(['pro', 'forever'] as const)(
    'claims nothing (%s): metadata and customer say whose it is, and an alarm is raised',
    async (price) => {
      await shop.checkout(userId, price);
      const { id } = await intentOf(userId);
      const before = await alarms();
      await payByLink(id, price);
      expect(await shop.entitled(userId)).toEqual({});
      expect(await alarms()).toBeGreaterThan(before);
      await payByLink(id, price, { ...ours(), user_id: `${userId}_payer` });
      expect(await shop.entitled(userId)).toEqual({});
      expect(Object.keys(await shop.entitled(`${userId}_payer`))).not.toEqual([]);
    },
  );

  it.each([
    ['another price', 'forever', { project_id: 'notes' }],
    ['another project', 'pro', { project_id: 'elsewhere' }],
    ['no project', 'pro', {}],
  ] as const)(
    'claims no session of %s, though its own answer was lost',
    async (_, price, metadata) => {
      const id = await loseAnswer(userId, 'pro');
      const before = await alarms();
      await payByLink(id, price, metadata);
      expect(await shop.entitled(userId)).toEqual({});
      expect(await alarms()).toBeGreaterThan(before);
    },
  );

  it('claims the session whose answer was lost, and then no other', async () => {
    const { deps } = shop.service;
    const create = deps.stripe.checkout.sessions.create.bind(deps.stripe.checkout.sessions);
    let made = '';
    const lost = vi
      .spyOn(deps.stripe.checkout.sessions, 'create')
      .mockImplementationOnce(async (...given) => {
        made = (await create(...given)).id;
        throw new Stripe.errors.StripeConnectionError({ type: 'api_error', message: 'lost' });
      });
    expect((await shop.checkout(userId, 'pro')).status).toBe(502);
    lost.mockRestore();
    const before = await alarms();
    await shop.sandbox.buyer.pay(made);
    await shop.settle();
    expect(await shop.entitled(userId)).toEqual(pro);
    const subscription = await shop.subscriptionOf(userId);
    // The intent, not the metadata: an edit moves nothing.
    await shop.stripe.subscriptions.update(subscription.id, {
      metadata: { project_id: 'notes', user_id: 'somebody_else' },
    });
    await shop.settle();
    expect(await shop.entitled(userId)).toEqual(pro);
    expect(await alarms()).toBe(before);
    const intent = await intentOf(userId);
    expect(intent.sessionId).toBe(made);
    await payByLink(intent.id, 'pro');
    expect(await alarms()).toBeGreaterThan(before);
    const answer = await shop.service.request('GET', `/checkout/sessions/${made}`, {
      key: shop.key,
    });
    expect(answer).toMatchObject({ status: 200, body: { user_id: userId, status: 'complete' } });
  });
});

describe('a summary of Stripe’s own entitlements', () => {
  it('of a customer with more than one transaction writes is fetched when all was written', async () => {
    const { id: customer } = await shop.stripe.customers.create({ metadata: ours() });
    await shop.settle();
    // Its own news of each would be as many fetches.
    shop.sandbox.faults.webhooks = { drop: true };
    const made = await Promise.all(
      Array.from({ length: 101 }, () =>
        shop.stripe.subscriptions.create({ customer, items: [{ price: shop.prices.pro }] }),
      ),
    );
    shop.sandbox.faults.clear();
    const { deps } = shop.service;
    const transactions = vi.spyOn(deps.database, 'transaction');
    await syncObject(deps, { objectType: 'entitlement_summary', objectId: customer });
    expect(transactions).toHaveBeenCalledTimes(2);
    transactions.mockRestore();
    const { prisma } = deps.database;
    const stored = await prisma.subscription.count({
      where: { id: { in: made.map(({ id }) => id) }, user: { userId } },
    });
    expect(stored).toBe(101);
    const { fetched } = await prisma.followedObject.findUniqueOrThrow({
      where: {
        objectType_objectId: { objectType: 'entitlement_summary', objectId: customer },
      },
    });
    expect(fetched).toBeGreaterThan(0n);
    expect(await shop.entitled(userId)).toEqual(pro);
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

describe('a relative that Stripe does not know', () => {
  it('takes nothing from the session that names it, raises an alarm, and is made good by later news', async () => {
    const { deps } = shop.service;
    const sessionId = await shop.buy(userId, 'pro');
    const missing = vi.spyOn(deps.stripe.subscriptions, 'retrieve').mockRejectedValueOnce(
      new Stripe.errors.StripeInvalidRequestError({
        type: 'invalid_request_error',
        code: 'resource_missing',
        statusCode: 404,
      }),
    );
    const outcome = await syncObject(deps, {
      objectType: 'checkout.session',
      objectId: sessionId,
    });
    missing.mockRestore();
    expect(outcome).toBe('applied');
    const session = await deps.database.prisma.checkoutSession.findUnique({
      where: { id: sessionId },
    });
    expect(session?.uid).not.toBeNull();
    expect(await deps.metrics.registry.metrics()).toContain(
      'latchkey_alarms_total{kind="object_missing"}',
    );
    await shop.settle();
    expect(await shop.entitled(userId)).toEqual(pro);
  });
});

describe('a page of items that comes short', () => {
  it('takes nothing away, and is asked for again', async () => {
    const { deps } = shop.service;
    await shop.buy(userId, 'pro');
    await shop.settle();
    const subscription = await shop.subscriptionOf(userId);
    const empty = { ...subscription.items, data: [], has_more: false };
    const retrieve = vi
      .spyOn(deps.stripe.subscriptions, 'retrieve')
      .mockResolvedValueOnce(responseOf({ ...subscription, items: empty }));
    const object = { objectType: 'subscription', objectId: subscription.id } as const;
    await expect(syncObject(deps, object)).rejects.toThrow('fewer items');
    retrieve.mockRestore();
    expect(await shop.entitled(userId)).toEqual(pro);
  });

  function responseOf<T extends object>(object: T): Stripe.Response<T> {
    return Object.assign(object, { lastResponse });
  }
  const lastResponse = { headers: {}, requestId: 'req_1', statusCode: 200 };
});

describe('a status that nobody knows', () => {
  it('leaves a debtor without access, and a payer with it', async () => {
    const { deps } = shop.service;
    for (const [debt, expected] of [
      [true, {}],
      [false, pro],
    ] as const) {
      userId = `u_${counter}_${debt ? 'debtor' : 'payer'}`;
      await shop.buy(userId, 'pro');
      await shop.settle();
      const { id } = await shop.subscriptionOf(userId);
      const object = { objectType: 'subscription', objectId: id } as const;
      const pictureOf = async (status: string, dunningAnchorAt: Date | null) => {
        const picture = await fetchPicture(shop.stripe, object);
        return {
          ...picture,
          subscriptions: picture.subscriptions.map((row) => ({ ...row, status, dunningAnchorAt })),
        };
      };
      if (debt) {
        const since = new Date(shop.service.clock.now() - 30 * 86_400_000);
        const number = await drawNumber(deps.database);
        await applyPicture(deps, await pictureOf('past_due', since), number);
      }
      const number = await drawNumber(deps.database);
      await applyPicture(deps, await pictureOf('on_the_moon', null), number);
      expect(await shop.entitled(userId)).toEqual(expected);
    }
  });
});
