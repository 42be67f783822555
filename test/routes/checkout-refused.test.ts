import { describe, expect, it } from 'vitest';
import { urls, useCheckout } from '../helpers/checkout.ts';
import { at, text, withoutRequestId } from '../helpers/json.ts';

const checkout = useCheckout();

/** Creates a product that belongs to no project, with a price, and returns both ids. */
async function createUnmapped(): Promise<{ product: string; price: string }> {
  const { products, prices } = checkout.shop.stripe;
  const { id: product } = await products.create({ name: 'unmapped' });
  const { id: price } = await prices.create({ product, currency: 'usd', unit_amount: 100 });
  return { product, price };
}

describe('400 names the field', () => {
  it.each([
    ['amount', { amount: 1 }],
    ['discounts', { discounts: [] }],
    ['customer', { customer: 'cus_1' }],
    ['user_id', { user_id: '' }],
    ['email', { email: 'nobody' }],
    ['price_id', { line_items: [{ price_id: 'price_1', quantity: 1 }] }],
  ])('%s', async (path, wrong) => {
    const answer = await checkout.open({
      user_id: 'u_1',
      price_id: checkout.shop.prices.pro,
      ...urls,
      ...wrong,
    });
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
    const answer = await checkout.open({ user_id: 'u_1', line_items, ...urls });
    expect(answer.status).toBe(400);
    expect(text(answer.body, 'errors', 0, 'path')).toMatch(/^line_items/);
  });

  it('the platform key has to name the project', async () => {
    const body = { user_id: 'u_1', price_id: checkout.shop.prices.pro, ...urls };
    expect(await checkout.open(body, checkout.shop.service.adminKey)).toMatchObject({
      status: 400,
      body: { code: 'project_id_required' },
    });
  });

  it('neither a price nor lines', async () => {
    expect(await checkout.open({ user_id: 'u_1', ...urls })).toMatchObject({ status: 400 });
  });
});

describe('401 and 403', () => {
  it('no key, and a key that may only read', async () => {
    const { body: made } = await checkout.shop.service.request(
      'POST',
      '/admin/projects/notes/keys',
      {
        key: checkout.shop.service.adminKey,
        body: { name: 'reader', scopes: ['read'] },
      },
    );
    const body = { user_id: 'u_1', price_id: checkout.shop.prices.pro, ...urls };
    expect(
      await checkout.shop.service.request('POST', '/checkout/sessions', { body }),
    ).toMatchObject({
      status: 401,
      body: { code: 'unauthorized' },
    });
    expect(await checkout.open(body, text(made, 'key'))).toMatchObject({
      status: 403,
      body: { code: 'scope_missing' },
    });
  });
});

describe('404', () => {
  it('a price of another project, of none, and one that does not exist look alike', async () => {
    const unmapped = await createUnmapped();
    const answers = await Promise.all([
      checkout.open(
        { user_id: 'u_1', price_id: checkout.shop.prices.pro, ...urls },
        checkout.rival.key,
      ),
      checkout.open({ user_id: 'u_1', price_id: unmapped.price, ...urls }),
      checkout.open({ user_id: 'u_1', price_id: 'price_of_nobody', ...urls }),
    ]);
    const bodies = answers.map(({ body }) => withoutRequestId(body));
    expect(bodies[0]).toMatchObject({ status: 404, code: 'price_not_found' });
    expect(bodies[1]).toEqual(bodies[0]);
    expect(bodies[2]).toEqual(bodies[0]);
  });

  it('another project named looks like none', async () => {
    const named = (project_id: string) =>
      checkout.open(
        { project_id, user_id: 'u_1', price_id: checkout.shop.prices.pro, ...urls },
        checkout.rival.key,
      );
    const [theirs, nobody] = await Promise.all([named('notes'), named('nobody')]);
    expect(theirs).toMatchObject({ status: 404, body: { code: 'project_not_found' } });
    expect(withoutRequestId(theirs.body)).toEqual(withoutRequestId(nobody.body));
  });
});

describe('409', () => {
  it('a live subscription to the product', async () => {
    await checkout.shop.buy('u_subscribed', 'pro');
    await checkout.shop.settle();
    expect(await checkout.shop.checkout('u_subscribed', 'pro')).toMatchObject({
      status: 409,
      body: { code: 'already_subscribed' },
    });
    expect((await checkout.shop.checkout('u_subscribed', 'team')).status).toBe(201);
  });

  it('a subscription whose payment is overdue is live as well', async () => {
    await checkout.shop.buy('u_overdue', 'pro');
    await checkout.shop.settle();
    const { prisma } = checkout.shop.service.deps.database;
    const { count } = await prisma.subscription.updateMany({
      where: { user: { userId: 'u_overdue' } },
      data: { status: 'past_due' },
    });
    expect(count).toBe(1);
    expect((await checkout.shop.checkout('u_overdue', 'pro')).status).toBe(409);
  });

  it('a canceled one is not: the user may come back', async () => {
    await checkout.shop.buy('u_back', 'pro');
    await checkout.shop.settle();
    await checkout.shop.stripe.subscriptions.cancel(
      (await checkout.shop.subscriptionOf('u_back')).id,
    );
    await checkout.shop.settle();
    expect((await checkout.shop.checkout('u_back', 'pro')).status).toBe(201);
  });

  it('all that one line of several carries is blocked', async () => {
    await checkout.shop.service.request('POST', '/admin/revoke', {
      key: checkout.shop.key,
      body: { user_id: 'u_half', feature_code: 'theme', block: true, reason: 'test' },
    });
    const line_items = [
      { price_id: checkout.shop.prices.pro },
      { price_id: checkout.shop.prices.forever },
    ];
    expect(await checkout.open({ user_id: 'u_half', line_items, ...urls })).toMatchObject({
      status: 409,
      body: { code: 'feature_revoked' },
    });
  });

  it('every feature of the price is blocked', async () => {
    await checkout.shop.service.request('POST', '/admin/revoke', {
      key: checkout.shop.key,
      body: { user_id: 'u_banned', feature_code: 'theme', block: true, reason: 'test' },
    });
    expect(await checkout.shop.checkout('u_banned', 'forever')).toMatchObject({
      status: 409,
      body: { code: 'feature_revoked' },
    });
    expect((await checkout.shop.checkout('u_banned', 'team')).status).toBe(201);
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
      const answer = await checkout.open({
        user_id: 'u_1',
        price_id: checkout.shop.prices.pro,
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
    const { product, price } = await createUnmapped();
    await checkout.shop.service.request('PUT', `/admin/products/${product}`, {
      key: checkout.shop.service.adminKey,
      body: { project_id: 'notes', features: { export: true } },
    });
    await checkout.shop.stripe.prices.update(price, { active: false });
    await checkout.shop.settle();
    expect(await checkout.open({ user_id: 'u_1', price_id: price, ...urls })).toMatchObject({
      status: 422,
      body: { code: 'price_inactive' },
    });
  });
});
