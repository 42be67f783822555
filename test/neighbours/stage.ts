import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { type Api, type Call, ask } from '../../src/dev/api.ts';
import { newSecrets } from '../../src/dev/home.ts';
import { freePort } from '../../src/dev/ports.ts';
import { startPostgres } from '../../src/dev/postgres.ts';
import { startRedis } from '../../src/dev/redis.ts';
import type { Started } from '../../src/dev/started.ts';
import { temporaryDirectory } from '../../src/dev/temporary.ts';
import { openStripe } from '../../src/platform/stripe.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { eventTypes } from '../../src/webhook/core/events.ts';
import { webhookSecret } from '../bench/subject.ts';
import { Instance } from '../faults/instance.ts';
import { askPatiently, until } from '../faults/patience.ts';
import { openShop, origin, type Shop } from '../faults/shop.ts';
import { createDatabase } from '../faults/stage.ts';

/** The input of the noisy project's thread. */
export interface NoiseData {
  url: string;
  keys: string[];
  users: number;
  priceId: string;
  origin: string;
  connections: number;
}

/** The answers to one kind of the noisy project's requests. */
export interface NoiseCount {
  kind: string;
  taken: number;
  /** 429 or 503. */
  refused: number;
  failed: number;
}

export interface Stage {
  api: Api;
  sandbox: Sandbox;
  instance: Instance;
  /** The quiet project. */
  shop: Shop;
  noise: NoiseData;
}

const noisyUsers = 2_000;
const noisyKeys = 4;
const connections = 26;
const anything = z.unknown();

/** Starts one instance with two projects: the shop of `test:faults`, which is quiet, and a noisy one. */
export async function setStage(redisProgram: string, started: Started): Promise<Stage> {
  const directory = await temporaryDirectory('neighbours', started);
  const redisDirectory = path.join(directory, 'redis');
  await mkdir(redisDirectory);
  const postgres = await startPostgres({
    dataDirectory: path.join(directory, 'postgres'),
    persistent: true,
  });
  started.add(() => postgres.stop());
  const redis = await startRedis(redisProgram, {
    port: await freePort(),
    directory: redisDirectory,
  });
  started.add(() => redis.stop());
  await createDatabase(postgres.url('postgres'));
  const { adminKey, stripeKey } = newSecrets();
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const sandbox = await startSandbox({
    secretKey: stripeKey,
    endpoints: [
      {
        url: `${url}/api/v1/webhooks/stripe`,
        secret: webhookSecret,
        enabledEvents: [...eventTypes],
      },
    ],
  });
  started.add(() => sandbox.close());
  const instance = new Instance('the instance', port, {
    DATABASE_URL: postgres.url('latchkey'),
    REDIS_URL: redis.url,
    STRIPE_SECRET_KEY: stripeKey,
    STRIPE_WEBHOOK_SECRETS: webhookSecret,
    STRIPE_API_BASE: sandbox.url,
    ADMIN_API_KEY: adminKey,
    HOST: '127.0.0.1',
    LOG_LEVEL: 'warn',
    RECONCILE_CRON: '',
  });
  started.add(() => instance.end('SIGTERM'));
  instance.start();
  await until('the instance is ready', async () => {
    instance.requireAlive();
    const response = await fetch(`${url}/ready`).catch(() => null);
    return response?.ok === true;
  });
  const api = { serviceUrl: url, key: adminKey };
  const far = Date.now() + 86_400_000;
  const shop = await openShop(api, sandbox, stripeKey, { count: 1, from: far, to: far + 1 });
  return { api, sandbox, instance, shop, noise: await openNoisy(api, sandbox, stripeKey) };
}

async function openNoisy(api: Api, sandbox: Sandbox, stripeKey: string): Promise<NoiseData> {
  const admin = '/api/v1/admin';
  const project_id = 'noisy';
  const put = (where: string, body: object): Promise<unknown> => {
    const call: Call = { method: 'PUT', path: `${admin}/${where}`, body: { project_id, ...body } };
    return askPatiently(api, call, { status: 200, shape: anything });
  };
  const post = <T>(where: string, body: object, status: number, shape: z.ZodType<T>): Promise<T> =>
    ask(api, { method: 'POST', path: `${admin}/${where}`, body }, { status, shape });
  const settings = { redirect_origins: [origin] };
  await post('projects', { id: project_id, name: 'Noisy', settings }, 201, anything);
  for (let number = 0; number < 10; number += 1) {
    await put(`features/f_${number}`, { name: `f_${number}`, type: 'boolean' });
  }
  const stripe = openStripe({ secretKey: stripeKey, apiBase: sandbox.url });
  const product = await stripe.products.create({ name: 'plan', metadata: { project_id } });
  const { id: priceId } = await stripe.prices.create({
    ...{ product: product.id, currency: 'usd', unit_amount: 1_000 },
    recurring: { interval: 'month' },
  });
  await put(`products/${product.id}`, { features: { f_0: true } });
  for (let from = 0; from < noisyUsers; from += 500) {
    for (const feature_code of ['f_1', 'f_2', 'f_3']) {
      const grants = Array.from({ length: 500 }, (_, number) => ({
        user_id: `user_${from + number}`,
        feature_code,
      }));
      await post('grants/bulk', { project_id, reason: 'set-up', grants }, 200, anything);
    }
  }
  const keys: string[] = [];
  const scopes = ['read', 'checkout', 'admin'];
  for (let number = 0; number < noisyKeys; number += 1) {
    const shape = z.object({ key: z.string() });
    const made = await post(`projects/${project_id}/keys`, { name: 'key', scopes }, 201, shape);
    keys.push(made.key);
  }
  return { url: api.serviceUrl, keys, users: noisyUsers, priceId, origin, connections };
}
