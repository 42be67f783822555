import { describe, expect, it, vi } from 'vitest';
import { urls, useCheckout } from '../helpers/checkout.ts';
import { text } from '../helpers/json.ts';

const checkout = useCheckout();

describe('201', () => {
  it('the session carries our intent, the server’s metadata, and the redirects as they were given', async () => {
    const answer = await checkout.open({
      user_id: 'u_1',
      price_id: checkout.shop.prices.pro,
      ...urls,
    });
    expect(answer).toMatchObject({ status: 201, body: { mode: 'subscription' } });
    const session = await checkout.shop.stripe.checkout.sessions.retrieve(text(answer.body, 'id'));
    expect(session.metadata).toEqual({ project_id: 'notes', user_id: 'u_1' });
    expect(session.success_url).toBe(urls.success_url);
    const intent =
      await checkout.shop.service.deps.database.prisma.checkoutIntent.findUniqueOrThrow({
        where: { sessionId: session.id },
        include: { user: true },
      });
    expect(session.client_reference_id).toBe(intent.id);
    expect(intent.user.userId).toBe('u_1');
    expect(Date.parse(text(answer.body, 'expires_at'))).toBe(session.expires_at * 1000);
  });

  it('a one-time price makes a payment', async () => {
    const answer = await checkout.open({
      user_id: 'u_2',
      price_id: checkout.shop.prices.pass,
      ...urls,
    });
    expect(answer).toMatchObject({ status: 201, body: { mode: 'payment' } });
  });

  it('concurrent checkouts of one user make one customer at Stripe', async () => {
    const prices = [
      checkout.shop.prices.pro,
      checkout.shop.prices.pass,
      checkout.shop.prices.forever,
    ];
    const answers = await Promise.all(
      prices.map((price_id) => checkout.open({ user_id: 'u_once', price_id, ...urls })),
    );
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201]);
    const sessions = await Promise.all(
      answers.map(({ body }) => checkout.shop.stripe.checkout.sessions.retrieve(text(body, 'id'))),
    );
    expect(new Set(sessions.map(({ customer }) => customer)).size).toBe(1);
    const { data } = await checkout.shop.stripe.customers.list({ limit: 100 });
    expect(data.filter(({ metadata }) => metadata['user_id'] === 'u_once')).toHaveLength(1);
  });

  it('what an operator blocks is a warning where the price carries more; a plain revoke is none', async () => {
    const revoke = (feature_code: string, block: boolean) =>
      checkout.shop.service.request('POST', '/admin/revoke', {
        key: checkout.shop.key,
        body: { user_id: 'u_warned', feature_code, block, reason: 'test' },
      });
    await revoke('theme', false);
    const plain = await checkout.shop.checkout('u_warned', 'forever');
    expect(plain).toMatchObject({ status: 201, body: { warnings: [] } });
    await revoke('export', true);
    const blocked = await checkout.shop.checkout('u_warned', 'pro');
    expect(blocked).toMatchObject({
      status: 201,
      body: { warnings: [{ code: 'feature_blocked', feature_code: 'export' }] },
    });
    await checkout.shop.service.request('POST', '/admin/grant', {
      key: checkout.shop.key,
      body: { user_id: 'u_warned', feature_code: 'export', reason: 'test' },
    });
    const outweighed = await checkout.shop.checkout('u_warned', 'pro');
    expect(outweighed).toMatchObject({ status: 201, body: { warnings: [] } });
  });

  it('one-time lines may stand beside a recurring one, each with its quantity', async () => {
    const line_items = [
      { price_id: checkout.shop.prices.pro },
      { price_id: checkout.shop.prices.forever, quantity: 3 },
    ];
    const answer = await checkout.open({ user_id: 'u_lines', line_items, ...urls });
    expect(answer).toMatchObject({ status: 201, body: { mode: 'subscription' } });
    const { data } = await checkout.shop.stripe.checkout.sessions.listLineItems(
      text(answer.body, 'id'),
    );
    expect(data.map(({ price, quantity }) => [price?.id, quantity])).toEqual([
      [checkout.shop.prices.pro, 1],
      [checkout.shop.prices.forever, 3],
    ]);
  });

  it('a metered price goes to Stripe without a quantity', async () => {
    const { product } = await checkout.shop.stripe.prices.retrieve(checkout.shop.prices.team);
    const meter = await checkout.shop.stripe.billing.meters.create({
      display_name: 'Calls',
      event_name: 'calls',
      default_aggregation: { formula: 'sum' },
    });
    const metered = await checkout.shop.stripe.prices.create({
      product: typeof product === 'string' ? product : product.id,
      currency: 'usd',
      unit_amount: 1,
      recurring: { interval: 'month', usage_type: 'metered', meter: meter.id },
    });
    await checkout.shop.settle();
    const create = vi.spyOn(checkout.shop.service.deps.stripe.checkout.sessions, 'create');
    const answer = await checkout.open({ user_id: 'u_metered', price_id: metered.id, ...urls });
    expect(create.mock.lastCall?.[0]?.line_items).toEqual([{ price: metered.id }]);
    create.mockRestore();
    expect(answer.status).toBe(201);
  });

  it('what is bought carries the project and the user, not only the session', async () => {
    const create = vi.spyOn(checkout.shop.service.deps.stripe.checkout.sessions, 'create');
    await checkout.open({ user_id: 'u_marked', price_id: checkout.shop.prices.pro, ...urls });
    await checkout.open({ user_id: 'u_marked', price_id: checkout.shop.prices.pass, ...urls });
    const metadata = { project_id: 'notes', user_id: 'u_marked' };
    expect(create.mock.calls.map(([params]) => params)).toMatchObject([
      { metadata, subscription_data: { metadata } },
      { metadata, payment_intent_data: { metadata } },
    ]);
    create.mockRestore();
  });

  it('the e-mail address is a new customer’s; an existing one keeps its own', async () => {
    for (const email of ['first@notes.example', 'second@notes.example']) {
      await checkout.open({
        user_id: 'u_mail',
        email,
        price_id: checkout.shop.prices.pro,
        ...urls,
      });
    }
    const customer = await checkout.shop.stripe.customers.retrieve(
      await checkout.shop.customerOf('u_mail'),
    );
    expect(customer).toMatchObject({
      email: 'first@notes.example',
      metadata: { project_id: 'notes', user_id: 'u_mail' },
    });
  });

  it('checkouts at once with different e-mail addresses make one customer too', async () => {
    const answers = await Promise.all(
      [checkout.shop.prices.pro, checkout.shop.prices.pass].map((price_id, index) =>
        checkout.open({ user_id: 'u_mails', email: `m${index}@notes.example`, price_id, ...urls }),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual([201, 201]);
    const { data } = await checkout.shop.stripe.customers.list({ limit: 100 });
    expect(data.filter(({ metadata }) => metadata['user_id'] === 'u_mails')).toHaveLength(1);
  });

  it('an older open session for the same price can no longer be paid', async () => {
    const first = await checkout.open({
      user_id: 'u_twice',
      price_id: checkout.shop.prices.pro,
      ...urls,
    });
    const second = await checkout.open({
      user_id: 'u_twice',
      price_id: checkout.shop.prices.pro,
      ...urls,
    });
    const statuses = await Promise.all(
      [first, second].map(async ({ body }) => {
        const { status } = await checkout.shop.stripe.checkout.sessions.retrieve(text(body, 'id'));
        return status;
      }),
    );
    expect(statuses).toEqual(['expired', 'open']);
  });

  it('a customer that was deleted at Stripe is replaced', async () => {
    await checkout.open({ user_id: 'u_gone', price_id: checkout.shop.prices.pro, ...urls });
    const row = await checkout.shop.service.deps.database.prisma.customer.findFirstOrThrow({
      where: { user: { userId: 'u_gone' } },
    });
    await checkout.shop.stripe.customers.del(row.id);
    const answer = await checkout.open({
      user_id: 'u_gone',
      price_id: checkout.shop.prices.pass,
      ...urls,
    });
    expect(answer.status).toBe(201);
    const session = await checkout.shop.stripe.checkout.sessions.retrieve(text(answer.body, 'id'));
    expect(session.customer).not.toBe(row.id);
  });

  it.each(['nobody', 'another user', 'another project'] as const)(
    'a customer that went to %s since it was made stays there, though Stripe repeats it',
    async (to) => {
      const { prisma } = checkout.shop.service.deps.database;
      const [userId, taker] = [`u_former of ${to}`, `u_taker of ${to}`];
      await checkout.open({ user_id: userId, price_id: checkout.shop.prices.pro, ...urls });
      const id = await checkout.shop.customerOf(userId);
      const project_id = to === 'another project' ? 'rival' : 'notes';
      const user_id = to === 'nobody' ? '' : taker;
      await checkout.shop.stripe.customers.update(id, { metadata: { project_id, user_id } });
      if (to !== 'another project') {
        const path = `/admin/users/${encodeURIComponent(userId)}/customers/${id}?reason=mistake`;
        const unlinked = await checkout.shop.service.request('DELETE', path, {
          key: checkout.shop.key,
        });
        expect(unlinked.status).toBe(200);
      }
      await checkout.shop.settle();
      const answer = await checkout.open({
        user_id: userId,
        price_id: checkout.shop.prices.pass,
        ...urls,
      });
      expect(answer.status).toBe(201);
      const session = await checkout.shop.stripe.checkout.sessions.retrieve(
        text(answer.body, 'id'),
      );
      expect(session.customer).not.toBe(id);
      const stored = await prisma.customer.findUniqueOrThrow({
        where: { id },
        include: { user: true },
      });
      expect(stored.user?.userId).toBe(to === 'nobody' ? undefined : taker);
      // The new one is the user's from then on.
      expect(await checkout.shop.customerOf(userId)).toBe(session.customer);
    },
  );
});
