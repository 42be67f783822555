import Stripe from 'stripe';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { askStripe } from '../../src/checkout/stripe-answer.ts';
import { at, text, withoutRequestId } from '../helpers/json.ts';
import { startTestService } from '../helpers/service.ts';
import { type Shop, startShop } from '../helpers/shop.ts';

let shop: Shop;
let rival: { projectId: string; key: string };
const origin = 'https://notes.example';
const urls = { success_url: `${origin}/ok?s={CHECKOUT_SESSION_ID}`, cancel_url: `${origin}/no` };

beforeAll(async () => {
  shop = await startShop();
  rival = await shop.service.createProject('rival', { redirect_origins: [origin] });
});
afterAll(() => shop.close());
beforeEach(() => {
  shop.sandbox.faults.clear();
});

function open(body: object, key = shop.key) {
  return shop.service.request('POST', '/checkout/sessions', { key, body });
}

describe('201', () => {
  it('the session carries our intent, the server’s metadata, and the redirects as they were given', async () => {
    const answer = await open({ user_id: 'u_1', price_id: shop.prices.pro, ...urls });
    expect(answer).toMatchObject({ status: 201, body: { mode: 'subscription' } });
    const session = await shop.stripe.checkout.sessions.retrieve(text(answer.body, 'id'));
    expect(session.metadata).toEqual({ project_id: 'notes', user_id: 'u_1' });
    expect(session.success_url).toBe(urls.success_url);
    const intent = await shop.service.deps.database.prisma.checkoutIntent.findUniqueOrThrow({
      where: { sessionId: session.id },
      include: { user: true },
    });
    expect(session.client_reference_id).toBe(intent.id);
    expect(intent.user.userId).toBe('u_1');
    expect(Date.parse(text(answer.body, 'expires_at'))).toBe(session.expires_at * 1000);
  });

  it('a one-time price makes a payment', async () => {
    const answer = await open({ user_id: 'u_2', price_id: shop.prices.pass, ...urls });
    expect(answer).toMatchObject({ status: 201, body: { mode: 'payment' } });
  });

  it('concurrent checkouts of one user make one customer at Stripe', async () => {
    const prices = [shop.prices.pro, shop.prices.pass, shop.prices.forever];
    const answers = await Promise.all(
      prices.map((price_id) => open({ user_id: 'u_once', price_id, ...urls })),
    );
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201]);
    const sessions = await Promise.all(
      answers.map(({ body }) => shop.stripe.checkout.sessions.retrieve(text(body, 'id'))),
    );
    expect(new Set(sessions.map(({ customer }) => customer)).size).toBe(1);
    const { data } = await shop.stripe.customers.list({ limit: 100 });
    expect(data.filter(({ metadata }) => metadata['user_id'] === 'u_once')).toHaveLength(1);
  });

  it('what an operator blocks is a warning where the price carries more; a plain revoke is none', async () => {
    const revoke = (feature_code: string, block: boolean) =>
      shop.service.request('POST', '/admin/revoke', {
        key: shop.key,
        body: { user_id: 'u_warned', feature_code, block, reason: 'test' },
      });
    await revoke('theme', false);
    const plain = await shop.checkout('u_warned', 'forever');
    expect(plain).toMatchObject({ status: 201, body: { warnings: [] } });
    await revoke('export', true);
    const blocked = await shop.checkout('u_warned', 'pro');
    expect(blocked).toMatchObject({
      status: 201,
      body: { warnings: [{ code: 'feature_blocked', feature_code: 'export' }] },
    });
    await shop.service.request('POST', '/admin/grant', {
      key: shop.key,
      body: { user_id: 'u_warned', feature_code: 'export', reason: 'test' },
    });
    const outweighed = await shop.checkout('u_warned', 'pro');
    expect(outweighed).toMatchObject({ status: 201, body: { warnings: [] } });
  });

  it('one-time lines may stand beside a recurring one, each with its quantity', async () => {
    const line_items = [
      { price_id: shop.prices.pro },
      { price_id: shop.prices.forever, quantity: 3 },
    ];
    const answer = await open({ user_id: 'u_lines', line_items, ...urls });
    expect(answer).toMatchObject({ status: 201, body: { mode: 'subscription' } });
    const { data } = await shop.stripe.checkout.sessions.listLineItems(text(answer.body, 'id'));
    expect(data.map(({ price, quantity }) => [price?.id, quantity])).toEqual([
      [shop.prices.pro, 1],
      [shop.prices.forever, 3],
    ]);
  });

  it('a metered price goes to Stripe without a quantity', async () => {
    const { product } = await shop.stripe.prices.retrieve(shop.prices.team);
    const metered = await shop.stripe.prices.create({
      product: typeof product === 'string' ? product : product.id,
      currency: 'usd',
      unit_amount: 1,
      recurring: { interval: 'month', usage_type: 'metered' },
    });
    await shop.settle();
    const create = vi.spyOn(shop.service.deps.stripe.checkout.sessions, 'create');
    const answer = await open({ user_id: 'u_metered', price_id: metered.id, ...urls });
    expect(create.mock.lastCall?.[0]?.line_items).toEqual([{ price: metered.id }]);
    create.mockRestore();
    expect(answer.status).toBe(201);
  });

  it('what is bought carries the project and the user, not only the session', async () => {
    const create = vi.spyOn(shop.service.deps.stripe.checkout.sessions, 'create');
    await open({ user_id: 'u_marked', price_id: shop.prices.pro, ...urls });
    await open({ user_id: 'u_marked', price_id: shop.prices.pass, ...urls });
    const metadata = { project_id: 'notes', user_id: 'u_marked' };
    expect(create.mock.calls.map(([params]) => params)).toMatchObject([
      { metadata, subscription_data: { metadata } },
      { metadata, payment_intent_data: { metadata } },
    ]);
    create.mockRestore();
  });

  it('the e-mail address is a new customer’s; an existing one keeps its own', async () => {
    for (const email of ['first@notes.example', 'second@notes.example']) {
      await open({ user_id: 'u_mail', email, price_id: shop.prices.pro, ...urls });
    }
    const customer = await shop.stripe.customers.retrieve(await shop.customerOf('u_mail'));
    expect(customer).toMatchObject({
      email: 'first@notes.example',
      metadata: { project_id: 'notes', user_id: 'u_mail' },
    });
  });

  it('checkouts at once with different e-mail addresses make one customer too', async () => {
    const answers = await Promise.all(
      [shop.prices.pro, shop.prices.pass].map((price_id, index) =>
        open({ user_id: 'u_mails', email: `m${index}@notes.example`, price_id, ...urls }),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual([201, 201]);
    const { data } = await shop.stripe.customers.list({ limit: 100 });
    expect(data.filter(({ metadata }) => metadata['user_id'] === 'u_mails')).toHaveLength(1);
  });

  it('an older open session for the same price can no longer be paid', async () => {
    const first = await open({ user_id: 'u_twice', price_id: shop.prices.pro, ...urls });
    const second = await open({ user_id: 'u_twice', price_id: shop.prices.pro, ...urls });
    const statuses = await Promise.all(
      [first, second].map(async ({ body }) => {
        const { status } = await shop.stripe.checkout.sessions.retrieve(text(body, 'id'));
        return status;
      }),
    );
    expect(statuses).toEqual(['expired', 'open']);
  });

  it('a customer that was deleted at Stripe is replaced', async () => {
    await open({ user_id: 'u_gone', price_id: shop.prices.pro, ...urls });
    const row = await shop.service.deps.database.prisma.customer.findFirstOrThrow({
      where: { user: { userId: 'u_gone' } },
    });
    await shop.stripe.customers.del(row.id);
    const answer = await open({ user_id: 'u_gone', price_id: shop.prices.pass, ...urls });
    expect(answer.status).toBe(201);
    const session = await shop.stripe.checkout.sessions.retrieve(text(answer.body, 'id'));
    expect(session.customer).not.toBe(row.id);
  });

  it.each(['nobody', 'another user', 'another project'] as const)(
    'a customer that went to %s since it was made stays there, though Stripe repeats it',
    async (to) => {
      const { prisma } = shop.service.deps.database;
      const [userId, taker] = [`u_former of ${to}`, `u_taker of ${to}`];
      await open({ user_id: userId, price_id: shop.prices.pro, ...urls });
      const id = await shop.customerOf(userId);
      const project_id = to === 'another project' ? 'rival' : 'notes';
      const user_id = to === 'nobody' ? '' : taker;
      await shop.stripe.customers.update(id, { metadata: { project_id, user_id } });
      if (to !== 'another project') {
        const path = `/admin/users/${encodeURIComponent(userId)}/customers/${id}?reason=mistake`;
        const unlinked = await shop.service.request('DELETE', path, { key: shop.key });
        expect(unlinked.status).toBe(200);
      }
      await shop.settle();
      const answer = await open({ user_id: userId, price_id: shop.prices.pass, ...urls });
      expect(answer.status).toBe(201);
      const session = await shop.stripe.checkout.sessions.retrieve(text(answer.body, 'id'));
      expect(session.customer).not.toBe(id);
      const stored = await prisma.customer.findUniqueOrThrow({
        where: { id },
        include: { user: true },
      });
      expect(stored.user?.userId).toBe(to === 'nobody' ? undefined : taker);
      // The new one is the user's from then on.
      expect(await shop.customerOf(userId)).toBe(session.customer);
    },
  );
});

describe('400 names the field', () => {
  it.each([
    ['amount', { amount: 1 }],
    ['discounts', { discounts: [] }],
    ['customer', { customer: 'cus_1' }],
    ['user_id', { user_id: '' }],
    ['email', { email: 'nobody' }],
    ['price_id', { line_items: [{ price_id: 'price_1', quantity: 1 }] }],
  ])('%s', async (path, wrong) => {
    const answer = await open({ user_id: 'u_1', price_id: shop.prices.pro, ...urls, ...wrong });
    expect(answer.status).toBe(400);
    expect(at(answer.body, 'errors', 0, 'path')).toBe(path);
  });

  it.each([
    ['no line', []],
    ['a quantity of nothing', [{ price_id: 'price_1', quantity: 0 }]],
    ['a quantity of a thousand', [{ price_id: 'price_1', quantity: 1_000 }]],
    ['half a quantity', [{ price_id: 'price_1', quantity: 1.5 }]],
    ['an amount in a line', [{ price_id: 'price_1', quantity: 1, unit_amount: 1 }]],
    ['a price twice', [{ price_id: 'price_1' }, { price_id: 'price_1', quantity: 2 }]],
  ])('%s', async (_name, line_items) => {
    const answer = await open({ user_id: 'u_1', line_items, ...urls });
    expect(answer.status).toBe(400);
    expect(text(answer.body, 'errors', 0, 'path')).toMatch(/^line_items/);
  });

  it('the platform key has to name the project', async () => {
    const body = { user_id: 'u_1', price_id: shop.prices.pro, ...urls };
    expect(await open(body, shop.service.adminKey)).toMatchObject({
      status: 400,
      body: { code: 'project_id_required' },
    });
  });

  it('neither a price nor lines', async () => {
    expect(await open({ user_id: 'u_1', ...urls })).toMatchObject({ status: 400 });
  });
});

describe('401 and 403', () => {
  it('no key, and a key that may only read', async () => {
    const { body: made } = await shop.service.request('POST', '/admin/projects/notes/keys', {
      key: shop.service.adminKey,
      body: { name: 'reader', scopes: ['read'] },
    });
    const body = { user_id: 'u_1', price_id: shop.prices.pro, ...urls };
    expect(await shop.service.request('POST', '/checkout/sessions', { body })).toMatchObject({
      status: 401,
      body: { code: 'unauthorized' },
    });
    expect(await open(body, text(made, 'key'))).toMatchObject({
      status: 403,
      body: { code: 'scope_missing' },
    });
  });
});

describe('404', () => {
  it('a price of another project, of none, and one that does not exist look alike', async () => {
    const product = await shop.stripe.products.create({ name: 'unmapped' });
    const unmapped = await shop.stripe.prices.create({
      product: product.id,
      currency: 'usd',
      unit_amount: 100,
    });
    const answers = await Promise.all([
      open({ user_id: 'u_1', price_id: shop.prices.pro, ...urls }, rival.key),
      open({ user_id: 'u_1', price_id: unmapped.id, ...urls }),
      open({ user_id: 'u_1', price_id: 'price_of_nobody', ...urls }),
    ]);
    const bodies = answers.map(({ body }) => withoutRequestId(body));
    expect(bodies[0]).toMatchObject({ status: 404, code: 'price_not_found' });
    expect(bodies[1]).toEqual(bodies[0]);
    expect(bodies[2]).toEqual(bodies[0]);
  });

  it('another project named looks like none', async () => {
    const named = (project_id: string) =>
      open({ project_id, user_id: 'u_1', price_id: shop.prices.pro, ...urls }, rival.key);
    const [theirs, nobody] = await Promise.all([named('notes'), named('nobody')]);
    expect(theirs).toMatchObject({ status: 404, body: { code: 'project_not_found' } });
    expect(withoutRequestId(theirs.body)).toEqual(withoutRequestId(nobody.body));
  });
});

describe('409', () => {
  it('a live subscription to the product', async () => {
    await shop.buy('u_subscribed', 'pro');
    await shop.settle();
    expect(await shop.checkout('u_subscribed', 'pro')).toMatchObject({
      status: 409,
      body: { code: 'already_subscribed' },
    });
    expect((await shop.checkout('u_subscribed', 'team')).status).toBe(201);
  });

  it('a subscription whose payment is overdue is live as well', async () => {
    await shop.buy('u_overdue', 'pro');
    await shop.settle();
    const { prisma } = shop.service.deps.database;
    const { count } = await prisma.subscription.updateMany({
      where: { user: { userId: 'u_overdue' } },
      data: { status: 'past_due' },
    });
    expect(count).toBe(1);
    expect((await shop.checkout('u_overdue', 'pro')).status).toBe(409);
  });

  it('a canceled one is not: the user may come back', async () => {
    await shop.buy('u_back', 'pro');
    await shop.settle();
    await shop.stripe.subscriptions.cancel((await shop.subscriptionOf('u_back')).id);
    await shop.settle();
    expect((await shop.checkout('u_back', 'pro')).status).toBe(201);
  });

  it('all that one line of several carries is blocked', async () => {
    await shop.service.request('POST', '/admin/revoke', {
      key: shop.key,
      body: { user_id: 'u_half', feature_code: 'theme', block: true, reason: 'test' },
    });
    const line_items = [{ price_id: shop.prices.pro }, { price_id: shop.prices.forever }];
    expect(await open({ user_id: 'u_half', line_items, ...urls })).toMatchObject({
      status: 409,
      body: { code: 'feature_revoked' },
    });
  });

  it('every feature of the price is blocked', async () => {
    await shop.service.request('POST', '/admin/revoke', {
      key: shop.key,
      body: { user_id: 'u_banned', feature_code: 'theme', block: true, reason: 'test' },
    });
    expect(await shop.checkout('u_banned', 'forever')).toMatchObject({
      status: 409,
      body: { code: 'feature_revoked' },
    });
    expect((await shop.checkout('u_banned', 'team')).status).toBe(201);
  });
});

describe('422', () => {
  it.each([
    'https://evil.example/',
    'https://notes.example.evil.example/',
    'https://notes.example@evil.example/',
    'http://notes.example/',
    'javascript:alert(1)',
    '//notes.example/',
    '/relative',
    'https:\\\\notes.example',
  ])('%s is no place to send a buyer', async (url) => {
    for (const field of ['success_url', 'cancel_url']) {
      const answer = await open({
        user_id: 'u_1',
        price_id: shop.prices.pro,
        ...urls,
        [field]: url,
      });
      expect(answer).toMatchObject({
        status: 422,
        body: { code: 'redirect_not_allowed', errors: [{ path: field }] },
      });
    }
  });

  it('a price that is no longer sold', async () => {
    const product = await shop.stripe.products.create({ name: 'old' });
    const price = await shop.stripe.prices.create({
      product: product.id,
      currency: 'usd',
      unit_amount: 100,
    });
    await shop.service.request('PUT', `/admin/products/${product.id}`, {
      key: shop.service.adminKey,
      body: { project_id: 'notes', features: { export: true } },
    });
    await shop.stripe.prices.update(price.id, { active: false });
    await shop.settle();
    expect(await open({ user_id: 'u_1', price_id: price.id, ...urls })).toMatchObject({
      status: 422,
      body: { code: 'price_inactive' },
    });
  });
});

describe('502', () => {
  it('Stripe refuses the key: the answer says what to correct', async () => {
    const mistaken = await startTestService({
      stripeUrl: shop.sandbox.url,
      stripeKey: 'sk_test_of_another_account',
    });
    try {
      await expect(
        askStripe(mistaken.deps.logger, 'customers.list', () =>
          mistaken.deps.stripe.customers.list(),
        ),
      ).rejects.toMatchObject({
        code: 'stripe_unavailable',
        message: "Stripe rejects the service's key. An operator must correct STRIPE_SECRET_KEY.",
      });
    } finally {
      await mistaken.close();
    }
  });

  it('Stripe refuses the key a permission: the answer says where the permissions are listed', async () => {
    const refusal = new Stripe.errors.StripePermissionError({
      type: 'invalid_request_error',
      message: 'The provided key does not have the required permissions',
      statusCode: 403,
    });
    await expect(
      askStripe(shop.service.deps.logger, 'customers.create', () => Promise.reject(refusal)),
    ).rejects.toMatchObject({
      code: 'stripe_unavailable',
      message:
        'The service\'s Stripe key lacks a permission for this. An operator must add it: docs/operations.md lists the permissions under "Stripe refuses the key".',
    });
  });

  it('Stripe is away: the intent failed, and another try works', async () => {
    shop.sandbox.faults.api({ path: /\/v1\/checkout\/sessions/, status: 500 });
    expect(await shop.checkout('u_retry', 'pro')).toMatchObject({
      status: 502,
      body: { code: 'stripe_unavailable' },
    });
    const intents = await shop.service.deps.database.prisma.checkoutIntent.findMany({
      where: { user: { userId: 'u_retry' } },
    });
    expect(intents.map(({ status }) => status)).toEqual(['failed']);
    shop.sandbox.faults.clear();
    expect((await shop.checkout('u_retry', 'pro')).status).toBe(201);
  });

  it('Stripe failed to make the customer, and repeats that for a day: the next minute works', async () => {
    const kept = { path: '/v1/customers', method: 'POST', status: 500, begun: true } as const;
    // The fault counts the repeated failure as well.
    shop.sandbox.faults.api({ ...kept, times: 3 });
    const answers = [await shop.checkout('u_kept', 'pro'), await shop.checkout('u_kept', 'pro')];
    shop.service.clock.advance(60_000);
    answers.push(await shop.checkout('u_kept', 'pro'));
    expect(answers.map(({ status }) => status)).toEqual([502, 502, 201]);
    const { data } = await shop.stripe.customers.list({ limit: 100 });
    const made = data.filter(({ metadata }) => metadata['user_id'] === 'u_kept');
    expect(made.map(({ id }) => id)).toEqual([await shop.customerOf('u_kept')]);
  });

  it('Stripe failed once to make the session, and repeats that for a day: the repeated request works', async () => {
    const path = '/v1/checkout/sessions';
    shop.sandbox.faults.api({ path, method: 'POST', status: 500, begun: true, times: 1 });
    const statuses = [];
    for (let tries = 0; tries < 2; tries += 1) {
      const answer = await shop.service.request('POST', '/checkout/sessions', {
        key: shop.key,
        body: {
          user_id: 'u_session_again',
          price_id: shop.prices.pro,
          success_url: 'https://notes.example/welcome',
          cancel_url: 'https://notes.example/pricing',
        },
        headers: { 'idempotency-key': 'session-again' },
      });
      statuses.push(answer.status);
    }
    expect(statuses).toEqual([502, 201]);
  });

  it('Stripe failed once to make the customer, and repeats that for a day: another try works', async () => {
    const kept = { path: '/v1/customers', method: 'POST', status: 500, begun: true } as const;
    shop.sandbox.faults.api({ ...kept, times: 1 });
    const answers = [
      await shop.checkout('u_kept_once', 'pro'),
      await shop.checkout('u_kept_once', 'pro'),
    ];
    expect(answers.map(({ status }) => status)).toEqual([502, 201]);
  });
});
