import Stripe from 'stripe';
import type {
  CarryFact,
  FeatureFact,
  FeatureValue,
  GrantFact,
  RevocationFact,
} from '../../../src/entitlements/core/facts.ts';
import { type Sandbox, startSandbox } from '../../../src/sandbox/sandbox.ts';
import { ApartClock, TestClock } from '../../helpers/clock.ts';
import { text } from '../../helpers/json.ts';
import {
  startTestService,
  testStart,
  type TestService,
  webhookSecret,
} from '../../helpers/service.ts';
import { type Instance, openInstance } from './instances.ts';
import type { Ours } from './stripe-facts.ts';

/** A service of two instances and its Stripe; histories run in it one after the other. */
export interface World {
  /** The first instance, which gets the webhooks. */
  service: TestService;
  instances: [Instance, Instance];
  sandbox: Sandbox;
  stripe: Stripe;
  /** Stripe's. */
  clock: TestClock;
  close(): Promise<void>;
}

export async function openWorld(): Promise<World> {
  const clock = new TestClock(testStart);
  const secretKey = 'sk_test_123';
  const sandbox = await startSandbox({
    now: clock.now,
    secretKey,
    delivery: 'manual',
    dunning: { retryDays: [3, 5, 14], then: 'unpaid' },
  });
  // Time stands still between steps: pages of lists end in the middle of a second.
  sandbox.largestPage = 4;
  const firstClock = new ApartClock(clock);
  const service = await startTestService({ stripeUrl: sandbox.url, clock: firstClock });
  const second = await openInstance(service, clock);
  sandbox.addEndpoint({
    url: `${await service.listen()}/api/v1/webhooks/stripe`,
    secret: webhookSecret,
  });
  const { hostname, port } = new URL(sandbox.url);
  const stripe = new Stripe(secretKey, { host: hostname, port, protocol: 'http' });
  return {
    service,
    instances: [{ ...service, clock: firstClock }, second],
    sandbox,
    stripe,
    clock,
    async close() {
      await second.app.close();
      await service.close();
      await sandbox.close();
    },
  };
}

const features: FeatureFact[] = [
  { code: 'export', type: 'boolean', merge: 'max', perQuantity: false },
  { code: 'notebooks', type: 'limit', merge: 'max', perQuantity: false },
  { code: 'seats', type: 'limit', merge: 'sum', perQuantity: true },
  { code: 'theme', type: 'config', merge: 'max', perQuantity: false },
];

interface Good {
  features: Record<string, FeatureValue>;
  rank: number;
  once?: { days: number | null };
}

const goods = {
  pro: { features: { export: true, notebooks: 10, seats: 1 }, rank: 1 },
  team: { features: { export: true, notebooks: 50, seats: 2, theme: 'team' }, rank: 2 },
  pass: { features: { export: true, theme: 'pass' }, rank: 3, once: { days: 30 } },
  forever: { features: { notebooks: 20, theme: 'ever' }, rank: 0, once: { days: null } },
} satisfies Record<string, Good>;

export type GoodName = keyof typeof goods;
export const goodNames: readonly GoodName[] = ['pro', 'team', 'pass', 'forever'];

/** A project with its products at Stripe and in the catalog, and a record of operators' changes. */
export interface Project extends Omit<Ours, 'grants' | 'revocations'> {
  key: string;
  prices: Record<GoodName, { priceId: string; productId: string }>;
  sessionUsers: Map<string, string>;
  grants: (GrantFact & { userId: string })[];
  revocations: (RevocationFact & { userId: string })[];
}

let made = 0;

/** Forgets everything at Stripe, and stocks a new project. */
export async function openProject({ service, sandbox, stripe }: World): Promise<Project> {
  sandbox.faults.clear();
  await sandbox.reset();
  made += 1;
  const { projectId, key } = await service.createProject(`p${made}`, {
    redirect_origins: ['https://app.example'],
  });
  const put = async (path: string, body: object): Promise<void> => {
    const answer = await service.request('PUT', `/admin/${path}`, {
      key: service.adminKey,
      body: { project_id: projectId, ...body },
    });
    if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
  };
  for (const { code, type, merge, perQuantity } of features) {
    await put(`features/${code}`, { name: code, type, merge, per_quantity: perQuantity });
  }
  const carries: Record<string, CarryFact> = {};
  const stock = async (name: GoodName) => {
    const good: Good = goods[name];
    const product = await stripe.products.create({ name });
    const price = await stripe.prices.create({
      product: product.id,
      currency: 'usd',
      unit_amount: 1_000,
      ...(good.once === undefined ? { recurring: { interval: 'month' as const } } : {}),
    });
    await put(`products/${product.id}`, {
      features: good.features,
      rank: good.rank,
      allow_multiple: true,
    });
    const accessDays = good.once?.days ?? null;
    if (accessDays !== null) await put(`prices/${price.id}`, { access_days: accessDays });
    carries[price.id] = {
      priceId: price.id,
      productId: product.id,
      rank: good.rank,
      accessDays,
      // The world has no metered features, which alone depend on it.
      interval: null,
      features: good.features,
    };
    return { priceId: price.id, productId: product.id };
  };
  return {
    projectId,
    key,
    prices: {
      pro: await stock('pro'),
      team: await stock('team'),
      pass: await stock('pass'),
      forever: await stock('forever'),
    },
    policy: {
      graceDays: 7,
      refundFull: 'revoke',
      refundPartial: 'keep',
      disputeOpened: 'keep',
    },
    features,
    carries,
    grants: [],
    revocations: [],
    sessionUsers: new Map(),
  };
}

/** Opens a checkout through the service; null if it was refused or Stripe was away. */
export async function openCheckout(
  instance: Instance,
  project: Project,
  userId: string,
  lines: { name: GoodName; quantity: number }[],
): Promise<string | null> {
  const answer = await instance.request('POST', '/checkout/sessions', {
    key: project.key,
    body: {
      user_id: userId,
      line_items: lines.map(({ name, quantity }) => ({
        price_id: project.prices[name].priceId,
        quantity,
      })),
      success_url: 'https://app.example/welcome',
      cancel_url: 'https://app.example/pricing',
    },
  });
  if (answer.status !== 201) return null;
  const id = text(answer.body, 'id');
  project.sessionUsers.set(id, userId);
  return id;
}
