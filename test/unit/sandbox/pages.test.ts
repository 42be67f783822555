import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  dayMs,
  monthlyPrice,
  oneTimePrice,
  openFixture,
  refusal,
  seconds,
  subscribe,
  type Fixture,
  idOf,
} from './fixture.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await openFixture();
});
afterEach(() => fixture.close());

/** Sends a page's form as a browser does, and stops at the redirect. */
function submit(url: string, fields: Record<string, string>): Promise<Response> {
  return fetch(url, { method: 'POST', body: new URLSearchParams(fields), redirect: 'manual' });
}

async function openCheckout() {
  const price = await oneTimePrice(fixture.stripe);
  const session = await fixture.stripe.checkout.sessions.create({
    mode: 'payment',
    line_items: [{ price: price.id, quantity: 1 }],
    success_url: 'https://app.example/ok?session={CHECKOUT_SESSION_ID}',
    cancel_url: 'https://app.example/cancel',
  });
  return { id: session.id, url: session.url ?? '' };
}

describe('the checkout page', () => {
  it('shows what is bought and a form without any outside asset', async () => {
    const { url } = await openCheckout();
    const page = await (await fetch(url)).text();
    expect(page).toContain('Lifetime');
    expect(page).toContain('$25.00');
    expect(page).toContain('<button class="main" name="card" value="ok">Pay</button>');
    expect(page).not.toMatch(/<(script|link|img)/);
  });

  it('pays and sends the buyer to success_url with the id filled in', async () => {
    const { id, url } = await openCheckout();
    const answer = await submit(url, { card: 'ok', email: 'ann@example.com' });
    expect(answer.status).toBe(303);
    expect(answer.headers.get('location')).toBe(`https://app.example/ok?session=${id}`);
    const session = await fixture.stripe.checkout.sessions.retrieve(id);
    expect(session).toMatchObject({
      payment_status: 'paid',
      customer_details: { email: 'ann@example.com' },
    });
    expect(await (await fetch(url)).text()).toContain('has been completed');
  });

  it('says that the card was declined, and stays', async () => {
    const { id, url } = await openCheckout();
    const answer = await submit(url, { card: 'declined', email: '' });
    const page = await fetch(new URL(answer.headers.get('location') ?? '', url));
    expect(await page.text()).toContain('Your card was declined.');
    expect((await fixture.stripe.checkout.sessions.retrieve(id)).status).toBe('open');
  });

  it('completes a payment that arrives later', async () => {
    const { id, url } = await openCheckout();
    await submit(url, { card: 'async_failure' });
    expect(await fixture.stripe.checkout.sessions.retrieve(id)).toMatchObject({
      status: 'complete',
      payment_status: 'unpaid',
    });
  });

  it('sends a buyer who closes it to cancel_url', async () => {
    const { id, url } = await openCheckout();
    const answer = await submit(url, { card: 'close' });
    expect(answer.headers.get('location')).toBe('https://app.example/cancel');
    expect((await fixture.stripe.checkout.sessions.retrieve(id)).status).toBe('open');
  });

  it('escapes what others wrote', async () => {
    const { stripe } = fixture;
    const session = await stripe.checkout.sessions.create({
      mode: 'payment',
      line_items: [
        {
          quantity: 1,
          price_data: {
            currency: 'usd',
            unit_amount: 100,
            product_data: { name: '<script>alert(1)</script>' },
          },
        },
      ],
      success_url: 'https://app.example/ok',
    });
    expect(await (await fetch(session.url ?? '')).text()).not.toContain('<script>');
  });

  it('is a 404 for an unknown session', async () => {
    expect((await fetch(`${fixture.sandbox.url}/c/pay/cs_test_none`)).status).toBe(404);
  });
});

describe('the portal page', () => {
  async function openPortal() {
    const subscription = await subscribe(fixture);
    const session = await fixture.stripe.billingPortal.sessions.create({
      customer: idOf(subscription.customer),
      return_url: 'https://app.example/account',
    });
    return { subscription, url: session.url };
  }

  it('shows the subscriptions of its customer and the way back', async () => {
    const { subscription, url } = await openPortal();
    const page = await (await fetch(url)).text();
    expect(page).toContain(subscription.id);
    expect(page).toContain('href="https://app.example/account"');
  });

  it('cancels now', async () => {
    const { subscription, url } = await openPortal();
    const answer = await submit(url, { action: 'cancel_now', subscription: subscription.id });
    expect(answer.status).toBe(303);
    const { status } = await fixture.stripe.subscriptions.retrieve(subscription.id);
    expect(status).toBe('canceled');
  });

  it('cancels at the period end by cancel_at, and keeps', async () => {
    const { subscription, url } = await openPortal();
    const retrieve = () => fixture.stripe.subscriptions.retrieve(subscription.id);
    await submit(url, { action: 'cancel_at_period_end', subscription: subscription.id });
    expect(await retrieve()).toMatchObject({
      cancel_at: subscription.items.data[0]?.current_period_end,
      cancel_at_period_end: false,
      canceled_at: seconds(fixture.sandbox.clock.now()),
    });
    await submit(url, { action: 'keep', subscription: subscription.id });
    expect((await retrieve()).cancel_at).toBeNull();
  });

  it('changes the plan and bills the difference at once', async () => {
    const { subscription, url } = await openPortal();
    const dearer = await monthlyPrice(fixture.stripe, 3000);
    expect(await (await fetch(url)).text()).toContain(dearer.id);
    await submit(url, {
      action: 'change_plan',
      subscription: subscription.id,
      item: subscription.items.data[0]?.id ?? '',
      price: dearer.id,
    });
    const changed = await fixture.stripe.subscriptions.retrieve(subscription.id, {
      expand: ['latest_invoice'],
    });
    expect(changed.items.data[0]?.price.id).toBe(dearer.id);
    expect(changed.latest_invoice).toMatchObject({
      billing_reason: 'subscription_update',
      amount_paid: 2000,
    });
  });

  it("does not touch another customer's subscription", async () => {
    const { url } = await openPortal();
    const foreign = await subscribe(fixture);
    const answer = await submit(url, { action: 'cancel_now', subscription: foreign.id });
    expect(answer.status).toBe(404);
    expect((await fixture.stripe.subscriptions.retrieve(foreign.id)).status).toBe('active');
  });
});

describe('the index page', () => {
  it('shows the time and the commands, and its button moves the clock', async () => {
    const { sandbox } = fixture;
    const page = await (await fetch(sandbox.url)).text();
    expect(page).toContain('2026-01-15 12:00 UTC');
    expect(page).toContain('POST /_sandbox/clock/advance');
    const before = sandbox.clock.now();
    const token = /name="token" value="(\w+)"/.exec(page)?.[1] ?? '';
    const form = { token, days: '2' };
    const answer = await submit(`${sandbox.url}/_sandbox/clock/advance?back=1`, form);
    expect(answer.headers.get('location')).toBe('/');
    expect(sandbox.clock.now()).toBe(before + 2 * dayMs);
  });

  it('moves it for no form of another site, and its token opens nothing else', async () => {
    const { sandbox } = fixture;
    const page = await (await fetch(sandbox.url)).text();
    const token = /name="token" value="(\w+)"/.exec(page)?.[1] ?? '';
    const before = sandbox.clock.now();
    for (const form of [{ days: '2' }, { token: '', days: '2' }, { token: 'guessed', days: '2' }]) {
      const answer = await submit(`${sandbox.url}/_sandbox/clock/advance?back=1`, form);
      expect(answer.status).toBe(401);
    }
    expect((await submit(`${sandbox.url}/_sandbox/reset`, { token })).status).toBe(401);
    expect(sandbox.clock.now()).toBe(before);
  });
});

describe('an address to return to', () => {
  const scripts = [
    'javascript:alert(1)',
    'data:text/html,x',
    'JaVaScRiPt:alert(1)',
    '/welcome',
    'app://x',
  ];

  it.each(scripts)('400: %s, for a checkout and for the portal', async (address) => {
    const { stripe } = fixture;
    const price = await oneTimePrice(stripe);
    const customer = await stripe.customers.create({});
    const good = 'https://app.example/ok';
    const create = (urls: { success_url: string; cancel_url: string }) =>
      refusal(
        stripe.checkout.sessions.create({
          mode: 'payment',
          line_items: [{ price: price.id, quantity: 1 }],
          ...urls,
        }),
      );
    for (const [refused, param] of [
      [await create({ success_url: address, cancel_url: good }), 'success_url'],
      [await create({ success_url: good, cancel_url: address }), 'cancel_url'],
      [
        await refusal(
          stripe.billingPortal.sessions.create({ customer: customer.id, return_url: address }),
        ),
        'return_url',
      ],
    ] as const) {
      expect(refused).toMatchObject({ statusCode: 400, code: 'url_invalid', param });
    }
  });
});

describe('the pages of the sandbox', () => {
  it('list each customer with the names, rhythms and statuses of its subscriptions', async () => {
    const { stripe, sandbox } = fixture;
    await stripe.customers.create({ email: '<eve>@example.com' });
    const { id } = await subscribe(fixture);
    expect(await (await fetch(`${sandbox.url}/`)).text()).toContain('<a href="/customers">');
    const page = await (await fetch(`${sandbox.url}/customers`)).text();
    expect(page).toContain('&lt;eve&gt;@example.com');
    expect(page).toContain('ann@example.com');
    expect(page).toMatch(/Pro, \$10\.00 per month\s+<span class="mark good">active<\/span>/);
    expect(page).toContain(id);
  });

  it('say how often a price is paid, and a success in green', async () => {
    const { stripe, sandbox } = fixture;
    const product = await stripe.products.create({ name: 'Team' });
    const price = await stripe.prices.create({
      product: product.id,
      currency: 'usd',
      unit_amount: 9900,
      recurring: { interval: 'month', interval_count: 3 },
    });
    const session = await stripe.checkout.sessions.create({
      mode: 'subscription',
      line_items: [{ price: price.id, quantity: 1 }],
      success_url: 'https://app.example/ok',
    });
    const url = session.url ?? '';
    expect(await (await fetch(url)).text()).toContain('Team, every 3 months');
    await sandbox.buyer.pay(session.id);
    expect(await (await fetch(url)).text()).toContain('<p class="notice good"');
    const { customer } = await stripe.checkout.sessions.retrieve(session.id);
    const portal = await stripe.billingPortal.sessions.create({ customer: idOf(customer) });
    const page = await (await fetch(portal.url)).text();
    expect(page).toContain('Team <span class="mark good">active</span>');
    expect(page).toContain('Team, $99.00 every 3 months');
  });
});
