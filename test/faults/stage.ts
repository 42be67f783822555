import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import pg from 'pg';
import type { Api } from '../../src/dev/api.ts';
import { newSecrets } from '../../src/dev/home.ts';
import { freePort } from '../../src/dev/ports.ts';
import { startPostgres } from '../../src/dev/postgres.ts';
import { startRedis } from '../../src/dev/redis.ts';
import type { Started } from '../../src/dev/started.ts';
import { temporaryDirectory } from '../../src/dev/temporary.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { eventTypes } from '../../src/webhook/core/events.ts';
import { startBalancer } from './balancer.ts';
import { Instance } from './instance.ts';
import { type Running, untilReady } from './plan.ts';
import { openShop, type Shop } from './shop.ts';

/** Short, so that an answer whose invalidation was lost expires within a run. */
export const cacheTtlSeconds = 20;

const members = 40;

export interface Stage {
  running: Running;
  sandbox: Sandbox;
  /** A client of the balancer with the platform key. */
  api: Api;
  shop: Shop;
}

/**
 * Starts three instances behind a balancer, with a Postgres, a Redis that saves its data, a sandbox that
 * sends webhooks to the balancer, and a shop in which weekly members renew in the next `seconds`.
 */
export async function setStage(
  redisProgram: string,
  seconds: number,
  started: Started,
): Promise<Stage> {
  const directory = await temporaryDirectory('faults', started);
  const dataDirectory = path.join(directory, 'postgres');
  const redisDirectory = path.join(directory, 'redis');
  await mkdir(redisDirectory);
  const redisPort = await freePort();
  const startCache = () => startRedis(redisProgram, { port: redisPort, directory: redisDirectory });
  const postgres = await startPostgres({ dataDirectory, persistent: true });
  const database = {
    postgres,
    startPostgres: () => startPostgres({ dataDirectory, persistent: true, port: postgres.port }),
  };
  // Stops whichever process runs in its place by then.
  started.add(() => database.postgres.stop());
  const cache = { redis: await startCache(), startRedis: startCache };
  const stores = Object.assign(database, cache);
  started.add(() => stores.redis.stop());
  await createDatabase(postgres.url('postgres'));

  const { adminKey, stripeKey, webhookSecret } = newSecrets();
  const balancerPort = await freePort();
  const url = `http://127.0.0.1:${balancerPort}/api/v1/webhooks/stripe`;
  const sandbox = await startSandbox({
    secretKey: stripeKey,
    endpoints: [{ url, secret: webhookSecret, enabledEvents: [...eventTypes] }],
  });
  started.add(() => sandbox.close());
  const environment = {
    DATABASE_URL: postgres.url('latchkey'),
    REDIS_URL: stores.redis.url,
    STRIPE_SECRET_KEY: stripeKey,
    STRIPE_WEBHOOK_SECRETS: webhookSecret,
    STRIPE_API_BASE: sandbox.url,
    ADMIN_API_KEY: adminKey,
    HOST: '127.0.0.1',
    LOG_LEVEL: 'warn',
    CACHE_TTL_SECONDS: String(cacheTtlSeconds),
    // Reconciliation would repair losses, and so hide them.
    RECONCILE_CRON: '',
  };
  const instance = async (name: string) => new Instance(name, await freePort(), environment);
  const instances: Running['instances'] = [
    await instance('A'),
    await instance('B'),
    await instance('C'),
  ];
  started.add(() => Promise.all(instances.map((each) => each.end('SIGKILL'))));
  const balancer = await startBalancer(balancerPort, instances);
  started.add(() => balancer.close());
  for (const each of instances) each.start();
  await Promise.all(instances.map((each) => untilReady(each, balancer)));
  const api = { serviceUrl: balancer.url, key: adminKey };
  const now = Date.now();
  const renewals = { count: members, from: now + 5_000, to: now + seconds * 1_000 };
  const shop = await openShop(api, sandbox, stripeKey, renewals);
  return { running: Object.assign(stores, { instances, balancer }), sandbox, api, shop };
}

/** Creates the service's database. */
export async function createDatabase(adminUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl });
  await client.connect();
  try {
    await client.query('create database latchkey');
  } finally {
    await client.end();
  }
}
