import { setTimeout } from 'node:timers/promises';
import Stripe from 'stripe';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Background, startBackground } from '../../src/background.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { eventTypes } from '../../src/webhook/core/events.ts';
import { loadQueueState } from '../../src/webhook/queue-state.ts';
import { FollowingClock } from '../helpers/clock.ts';
import { at, text } from '../helpers/json.ts';
import { startTestService, type TestService, webhookSecret } from '../helpers/service.ts';

/*
 * The first of the month: every subscription renews at once, under Stripe's own limits (100 requests/s,
 * 25/s for each endpoint) and in real time. `npm run test:burst` does it with 5,000 subscriptions.
 */

const subscriptions = Number(process.env['BURST_SUBSCRIPTIONS'] ?? 100);
const eventsEach = 4;
const secretKey = 'sk_test_123';
const dayMs = 86_400_000;

/** Background work may take three quarters of the endpoint's share, less a tenth for safety. */
const maxRps = 80;
const fetchesPerSecond = (maxRps / 4) * 0.75 * 0.9;
const allWithinMs = (subscriptions / fetchesPerSecond) * 1_000 * 1.5 + 30_000;

let sandbox: Sandbox;
let stripe: Stripe;
let service: TestService;
let background: Background | undefined;
let key: string;
let price: string;

beforeAll(async () => {
  sandbox = await startSandbox({
    secretKey,
    rateLimit: { total: 100, perEndpoint: 25 },
    limitBy: 'machine',
  });
  const { hostname, port } = new URL(sandbox.url);
  stripe = new Stripe(secretKey, { host: hostname, port, protocol: 'http' });
  service = await startTestService({
    stripeUrl: sandbox.url,
    clock: new FollowingClock(() => sandbox.clock.now()),
    maxRps,
  });
  ({ key } = await service.createProject('notes', { redirect_origins: ['https://notes.example'] }));
  price = await stock();
}, 120_000);
afterAll(async () => {
  await background?.stop();
  await service.close();
  await sandbox.close();
});

/** A product that carries a feature, monthly. */
async function stock(): Promise<string> {
  const put = async (path: string, body: object): Promise<void> => {
    const answer = await service.request('PUT', `/admin/${path}`, { key, body });
    if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
  };
  await put('features/export', { name: 'Export', type: 'boolean' });
  const product = await stripe.products.create({
    name: 'Pro',
    metadata: { project_id: 'notes' },
  });
  const { id } = await stripe.prices.create({
    product: product.id,
    currency: 'usd',
    unit_amount: 1_000,
    recurring: { interval: 'month' },
  });
  await put(`products/${product.id}`, { features: { export: true } });
  return id;
}

/** The bodies of the events that the renewals caused, those of one subscription next to each other. */
function renewalEvents(): string[] {
  const wanted: readonly string[] = eventTypes;
  const events = sandbox.objects('events').events.filter(({ type }) => wanted.includes(type));
  const bySubscription = Map.groupBy(
    events.filter(({ type }) => /^(?:invoice|customer\.subscription)\./.test(type)),
    ({ data }) =>
      at(data.object, 'parent', 'subscription_details', 'subscription') ?? at(data.object, 'id'),
  );
  return [...bySubscription.values()].flatMap((ofOne) =>
    Array.from({ length: eventsEach }, (_, nth) => {
      const event = ofOne[nth % ofOne.length];
      // A delivery may come twice under another id: it is news all the same.
      return JSON.stringify(nth < ofOne.length ? event : { ...event, id: `${event?.id}_again` });
    }),
  );
}

async function post(payload: string): Promise<void> {
  const { statusCode, body } = await service.app.inject({
    method: 'POST',
    url: '/api/v1/webhooks/stripe',
    payload,
    headers: {
      'content-type': 'application/json',
      'stripe-signature': Stripe.webhooks.generateTestHeaderString({
        payload,
        secret: webhookSecret,
        timestamp: Math.floor(service.clock.now() / 1000),
      }),
    },
  });
  if (statusCode !== 200) throw new Error(body);
}

async function postAll(payloads: string[], atOnce: number): Promise<void> {
  const left = payloads.values();
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (const payload of left) await post(payload);
    }),
  );
}

/** Buys through the service, with webhooks of its own; how long until the entitlement shows. */
async function purchase(): Promise<number> {
  const opened = await service.request('POST', '/checkout/sessions', {
    key,
    body: {
      user_id: 'u_buyer',
      price_id: price,
      success_url: 'https://notes.example/welcome',
      cancel_url: 'https://notes.example/pricing',
    },
  });
  expect(opened.status).toBe(201);
  sandbox.addEndpoint({
    url: `${await service.listen()}/api/v1/webhooks/stripe`,
    secret: webhookSecret,
    enabledEvents: [...eventTypes],
  });
  const paidAt = performance.now();
  await sandbox.buyer.pay(text(opened.body, 'id'));
  for (;;) {
    const { body } = await service.request('GET', '/entitlements?user_id=u_buyer', { key });
    if (at(body, 'entitlements', 0) !== undefined) return performance.now() - paidAt;
    await setTimeout(20);
  }
}

it(
  `${subscriptions * eventsEach} renewal events of ${subscriptions} subscriptions, and a purchase amid them`,
  { timeout: allWithinMs + 120_000 },
  async () => {
    // On any day: a month has 28 to 31 days, so all of them renew within the next five.
    await sandbox.seed({
      count: subscriptions,
      prices: [price],
      createdFrom: sandbox.clock.now() - 27.9 * dayMs,
      createdTo: sandbox.clock.now() - 27 * dayMs,
      metadata: { project_id: 'notes', user_id: 'u_{n}' },
    });
    await sandbox.clock.advance(5 * dayMs);
    const events = renewalEvents();
    expect(events).toHaveLength(subscriptions * eventsEach);
    const before = sandbox.counts();

    background = startBackground(service.deps);
    const begunAt = performance.now();
    await postAll(events.slice(0, events.length / 2), 8);
    const buying = purchase();
    await postAll(events.slice(events.length / 2), 8);
    const postedAt = performance.now();
    const visibleMs = await buying;
    for (;;) {
      const { wanted, failed } = await loadQueueState(service.deps.database);
      expect(failed).toBe(0);
      if (wanted === 0) break;
      if (performance.now() - begunAt > allWithinMs) throw new Error(`${wanted} are still wanted`);
      await setTimeout(100);
    }
    const appliedAt = performance.now();

    const counts = sandbox.counts();
    const asked = (endpoint: string, of: 'asked' | 'limited' = 'asked') =>
      (counts[endpoint]?.[of] ?? 0) - (before[endpoint]?.[of] ?? 0);
    const limited = Object.keys(counts).reduce((sum, each) => sum + asked(each, 'limited'), 0);
    const seconds = (from: number, to: number) => ((to - from) / 1_000).toFixed(1);
    process.stdout.write(
      [
        '',
        `${events.length} events of ${subscriptions} subscriptions`,
        `  accepted in            ${seconds(begunAt, postedAt)} s (${Math.round((events.length * 1_000) / (postedAt - begunAt))}/s)`,
        `  all applied after      ${seconds(begunAt, appliedAt)} s`,
        `  a purchase was visible after ${Math.round(visibleMs)} ms`,
        `  fetches: ${asked('GET /v1/subscriptions/:id')} of subscriptions, ${asked('GET /v1/invoices/:id')} of invoices`,
        `  answered 429: ${limited}`,
        '',
      ].join('\n'),
    );
    const entitled = await service.deps.database.prisma.entitlementSegment.groupBy({
      by: ['uid'],
      where: { supersededAt: null, allowed: true },
    });
    expect(entitled).toHaveLength(subscriptions + 1);
    expect(visibleMs).toBeLessThan(5_000);
    expect(limited).toBe(0);
    // The buyer's own are one more of each.
    expect(asked('GET /v1/subscriptions/:id')).toBeLessThanOrEqual(subscriptions + 3);
    expect(asked('GET /v1/invoices/:id')).toBeLessThanOrEqual(subscriptions + 1);
  },
);
