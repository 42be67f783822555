import { z } from 'zod';
import type { Api } from '../../src/dev/api.ts';
import { openStripe } from '../../src/platform/stripe.ts';
import type { Sandbox } from '../../src/sandbox/sandbox.ts';
import { askPatiently, until } from './patience.ts';

export const projectId = 'shop';
export const origin = 'https://shop.example';

const weekMs = 7 * 86_400_000;

/** The prices of the shop. */
interface Prices {
  pro: string;
  team: string;
  pass: string;
}

export interface Shop {
  prices: Prices;
  /** An app's key, with the scopes read and checkout. */
  appKey: string;
  /** Users whose weekly subscriptions renew, one after the other, during the run. */
  members: string[];
}

const features = {
  export: 'boolean',
  notebooks: 'limit',
  beta: 'boolean',
  club: 'boolean',
} as const;

const goods = {
  pro: { carries: { export: true, notebooks: 10 }, every: 'month' },
  team: { carries: { export: true, notebooks: 'unlimited' }, every: 'month' },
  pass: { carries: { export: true }, every: null },
  club: { carries: { club: true }, every: 'week' },
} as const;

const anything = z.unknown();

/**
 * Creates a project that sells a plan in two sizes, a pass and a club, and members of the club whose weeks
 * end between `from` and `to` (epoch milliseconds). Resolves when the service knows all of it.
 */
export async function openShop(
  api: Api,
  sandbox: Sandbox,
  stripeKey: string,
  renewals: { count: number; from: number; to: number },
): Promise<Shop> {
  const admin = '/api/v1/admin';
  const settings = { redirect_origins: [origin] };
  const project = { id: projectId, name: 'Shop', settings };
  const made = { status: 201, shape: anything };
  await askPatiently(api, { method: 'POST', path: `${admin}/projects`, body: project }, made);
  const put = (path: string, body: object): Promise<unknown> =>
    askPatiently(
      api,
      { method: 'PUT', path: `${admin}/${path}`, body: { project_id: projectId, ...body } },
      { status: 200, shape: anything },
    );
  for (const [code, type] of Object.entries(features)) {
    await put(`features/${code}`, { name: code, type });
  }
  const stripe = openStripe({ secretKey: stripeKey, apiBase: sandbox.url });
  const sell = async (name: keyof typeof goods): Promise<string> => {
    const { carries, every } = goods[name];
    const product = await stripe.products.create({ name, metadata: { project_id: projectId } });
    const price = await stripe.prices.create({
      ...{ product: product.id, currency: 'usd', unit_amount: 1_000 },
      ...(every === null ? {} : { recurring: { interval: every } }),
    });
    await put(`products/${product.id}`, { features: carries });
    return price.id;
  };
  const prices = { pro: await sell('pro'), team: await sell('team'), pass: await sell('pass') };
  await sandbox.seed({
    count: renewals.count,
    prices: [await sell('club')],
    createdFrom: renewals.from - weekMs,
    createdTo: renewals.to - weekMs,
    metadata: { project_id: projectId, user_id: 'member_{n}' },
  });
  await reconcile(api);
  const { key } = await askPatiently(
    api,
    {
      method: 'POST',
      path: `${admin}/projects/${projectId}/keys`,
      body: { name: 'app', scopes: ['read', 'checkout'] },
    },
    { status: 201, shape: z.object({ key: z.string() }) },
  );
  return {
    prices,
    appKey: key,
    members: Array.from({ length: renewals.count }, (_, number) => `member_${number}`),
  };
}

const runShape = z.object({ id: z.string(), status: z.string() });

/** The members subscribed before the service started, so reconciliation finds them. */
async function reconcile(api: Api): Promise<void> {
  const path = '/api/v1/admin/reconciliations';
  const started = { status: 202, shape: runShape };
  const { id } = await askPatiently(api, { method: 'POST', path, body: {} }, started);
  await until('the first reconciliation is done', async () => {
    const read = { method: 'GET', path: `${path}/${id}` } as const;
    const { status } = await askPatiently(api, read, { status: 200, shape: runShape });
    if (status !== 'running' && status !== 'done') {
      throw new Error(`the first reconciliation ended '${status}'`);
    }
    return status === 'done';
  });
}
