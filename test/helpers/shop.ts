import Stripe from 'stripe';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { TestClock } from './clock.ts';
import { at, text } from './json.ts';
import {
  startTestService,
  testStart,
  type TestResponse,
  type TestService,
  type TestServiceOptions,
  webhookSecret,
} from './service.ts';

const origin = 'https://notes.example';

const shopPrices = ['pro', 'team', 'pass', 'forever'] as const;
type ShopPrice = (typeof shopPrices)[number];

/** A service and its Stripe, which share a clock, with one project that sells one product of each kind. */
export interface Shop {
  service: TestService;
  sandbox: Sandbox;
  stripe: Stripe;
  /** The project's key, with every scope. */
  key: string;
  projectId: string;
  prices: Record<ShopPrice, string>;
  /** Opens a checkout of one or more prices through the service. */
  checkout(userId: string, ...prices: ShopPrice[]): Promise<TestResponse>;
  /** Opens a checkout and pays it; nothing is delivered yet. Returns the session's id. */
  buy(userId: string, ...prices: ShopPrice[]): Promise<string>;
  /** Delivers all webhooks, and syncs until no object is due. */
  settle(): Promise<void>;
  /** Moves the clock of both sides. Everything that falls due at Stripe in between happens. */
  advanceTo(instant: number): Promise<void>;
  /** Returns what the user may use now: the values by feature code. */
  entitled(userId: string): Promise<Record<string, unknown>>;
  /** Returns the reason that `check` gives. */
  reason(userId: string, featureCode: string): Promise<string>;
  /** Returns the user's only subscription at Stripe. */
  subscriptionOf(userId: string): Promise<Stripe.Subscription>;
  /** Returns the user's primary customer at Stripe. */
  customerOf(userId: string): Promise<string>;
  /** Returns the user's only charge at Stripe. */
  chargeOf(userId: string): Promise<Stripe.Charge>;
  close(): Promise<void>;
}

const features = [
  ['export', { type: 'boolean' }],
  ['notebooks', { type: 'limit' }],
  ['theme', { type: 'config' }],
] as const;

const goods: Record<ShopPrice, { features: object; once?: object }> = {
  pro: { features: { export: true, notebooks: 10 } },
  team: { features: { export: true, notebooks: 'unlimited', theme: { dark: true } } },
  pass: { features: { export: true }, once: { access_days: 30 } },
  forever: { features: { theme: { dark: false } }, once: {} },
};

/** @param options `config`: settings of the service; `now`: where the clock of both sides starts. */
export async function startShop(
  options: Pick<TestServiceOptions, 'config'> & { now?: number } = {},
): Promise<Shop> {
  const clock = new TestClock(options.now ?? testStart);
  const secretKey = 'sk_test_123';
  const sandbox = await startSandbox({
    now: clock.now,
    secretKey,
    delivery: 'manual',
    // Stripe gives up after the grace period has ended, not at the same instant.
    dunning: { retryDays: [3, 5, 14], then: 'cancel' },
  });
  const service = await startTestService({ ...options, stripeUrl: sandbox.url, clock });
  const url = await service.listen();
  sandbox.addEndpoint({ url: `${url}/api/v1/webhooks/stripe`, secret: webhookSecret });
  const { hostname, port } = new URL(sandbox.url);
  const stripe = new Stripe(secretKey, { host: hostname, port, protocol: 'http' });
  const { key } = await service.createProject('notes', { redirect_origins: [origin] });
  const prices = await stock(service, stripe);

  const checkout: Shop['checkout'] = (userId, ...names) =>
    service.request('POST', '/checkout/sessions', {
      key,
      body: {
        user_id: userId,
        ...linesOf(names.map((name) => prices[name])),
        success_url: `${origin}/welcome?session_id={CHECKOUT_SESSION_ID}`,
        cancel_url: `${origin}/pricing`,
      },
    });
  const customersOf = async (userId: string): Promise<string[]> => {
    const rows = await service.deps.database.prisma.customer.findMany({
      where: { user: { userId } },
    });
    return rows.map(({ id }) => id);
  };

  return {
    service,
    sandbox,
    stripe,
    key,
    projectId: 'notes',
    prices,
    checkout,
    async buy(userId, ...names) {
      const opened = await checkout(userId, ...names);
      if (opened.status !== 201) throw new Error(JSON.stringify(opened.body));
      const id = text(opened.body, 'id');
      await sandbox.buyer.pay(id);
      return id;
    },
    async settle() {
      await sandbox.deliver();
      await service.runWorker();
    },
    async advanceTo(instant) {
      clock.set(instant);
      await sandbox.clock.advanceTo(instant);
    },
    async entitled(userId) {
      const { body } = await service.request('GET', `/entitlements?user_id=${userId}`, { key });
      const entries = at(body, 'entitlements');
      if (!Array.isArray(entries)) throw new Error(JSON.stringify(body));
      return Object.fromEntries(
        entries.map((entry: unknown) => [text(entry, 'feature_code'), at(entry, 'value')]),
      );
    },
    async reason(userId, featureCode) {
      const { body } = await service.request(
        'GET',
        `/entitlements/check?user_id=${userId}&feature_code=${featureCode}`,
        { key },
      );
      return text(body, 'reason');
    },
    async customerOf(userId) {
      return only(await customersOf(userId));
    },
    async subscriptionOf(userId) {
      return only(
        (
          await Promise.all(
            (await customersOf(userId)).map((customer) =>
              stripe.subscriptions.list({ customer, status: 'all' }),
            ),
          )
        ).flatMap(({ data }) => data),
      );
    },
    async chargeOf(userId) {
      return only(
        (
          await Promise.all(
            (await customersOf(userId)).map((customer) => stripe.charges.list({ customer })),
          )
        ).flatMap(({ data }) => data),
      );
    },
    async close() {
      await service.close();
      await sandbox.close();
    },
  };
}

/** Creates the products at Stripe and maps them at the service. */
async function stock(service: TestService, stripe: Stripe): Promise<Record<ShopPrice, string>> {
  const put = async (path: string, body: object): Promise<void> => {
    const answer = await service.request('PUT', `/admin/${path}`, {
      key: service.adminKey,
      body: { project_id: 'notes', ...body },
    });
    if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
  };
  for (const [code, feature] of features) await put(`features/${code}`, { name: code, ...feature });
  const ids: Partial<Record<ShopPrice, string>> = {};
  for (const name of shopPrices) {
    const { features: carried, once } = goods[name];
    const product = await stripe.products.create({ name, metadata: { project_id: 'notes' } });
    const price = await stripe.prices.create({
      product: product.id,
      currency: 'usd',
      unit_amount: 1_000,
      ...(once === undefined ? { recurring: { interval: 'month' as const } } : {}),
    });
    await put(`products/${product.id}`, { features: carried });
    if (once !== undefined) await put(`prices/${price.id}`, once);
    ids[name] = price.id;
  }
  const { pro, team, pass, forever } = ids;
  if (pro === undefined || team === undefined || pass === undefined || forever === undefined) {
    throw new Error('a price was not created');
  }
  return { pro, team, pass, forever };
}

/** A single price is sent alone, as most apps do. */
function linesOf([price, ...more]: string[]): object {
  if (more.length === 0) return { price_id: price };
  return { line_items: [price, ...more].map((id) => ({ price_id: id, quantity: 1 })) };
}

function only<T>(all: T[]): T {
  const [first] = all;
  if (first === undefined || all.length > 1) throw new Error(`expected one, got ${all.length}`);
  return first;
}
