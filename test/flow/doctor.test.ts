import { execFile } from 'node:child_process';
import path from 'node:path';
import Stripe from 'stripe';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { findRedisServer, startRedis } from '../../src/dev/redis.ts';
import { checkCache } from '../../src/doctor/stores.ts';
import { checkDeliveries } from '../../src/doctor/stripe.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { eventTypes } from '../../src/webhook/core/events.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts';

/* `npm run doctor`, as an operator runs it. */

const root = path.resolve(import.meta.dirname, '../..');
const secretKey = 'sk_test_doctor';
const url = 'https://latchkey.example/api/v1/webhooks/stripe';
let sandbox: Sandbox;
let stripe: Stripe;
let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
  sandbox = await startSandbox({ secretKey, delivery: 'manual' });
  const { hostname, port } = new URL(sandbox.url);
  stripe = new Stripe(secretKey, { host: hostname, port, protocol: 'http' });
});
afterAll(async () => {
  await sandbox.close();
  await database.drop();
});

interface Examined {
  exitCode: number;
  output: string;
}

function examine(overrides: Record<string, string> = {}): Promise<Examined> {
  const env = {
    PATH: process.env['PATH'],
    DATABASE_URL: database.url,
    REDIS_URL: inject('redisUrl'),
    STRIPE_SECRET_KEY: secretKey,
    STRIPE_WEBHOOK_SECRETS: 'whsec_test_secret',
    STRIPE_API_BASE: sandbox.url,
    ADMIN_API_KEY: 'test_admin_key_of_more_than_32_characters',
    ...overrides,
  };
  return new Promise((resolve) => {
    execFile(process.execPath, ['src/doctor.ts'], { env, cwd: root }, (error, stdout, stderr) => {
      resolve({ exitCode: Number(error?.code ?? 0), output: stdout + stderr });
    });
  });
}

/** The line about one thing, without the remedy below it. */
function lineOf({ output }: Examined, name: string): string {
  return output.split('\n').find((line) => line.slice(9).startsWith(name)) ?? output;
}

describe('npm run doctor', { timeout: 120_000 }, () => {
  it('lists every fault of the settings', async () => {
    const { exitCode, output } = await examine({ ADMIN_API_KEY: 'short', PORT: 'http' });
    expect(exitCode).toBe(1);
    expect(output).toMatch(/FAILED +settings +ADMIN_API_KEY: /);
    expect(output).toMatch(/FAILED +settings +PORT: must be a whole number/);
  });

  it('fails without a webhook endpoint, and says how to make one', async () => {
    const examined = await examine();
    expect(examined.exitCode).toBe(1);
    expect(lineOf(examined, 'webhook endpoint')).toContain(
      'Stripe has no endpoint with a path that ends in',
    );
    expect(examined.output).toContain('npm run stripe:endpoint');
  });

  it('reports no fault in a correct set-up', async () => {
    await stripe.webhookEndpoints.create({ url, enabled_events: [...eventTypes] });
    expect(lineOf(await examine(), 'deliveries')).toMatch(
      /^WARNING .*STRIPE_WEBHOOK_SECRETS has not been tested/,
    );
    await database.database.pool.query(
      `insert into webhook_events (livemode, event_id, type, outcome, created_at, received_at)
       values (false, 'evt_1', 'plan.created', 'unknown_type', now(), now())`,
    );
    const examined = await examine();
    expect(examined.output).not.toContain('FAILED');
    expect(examined.exitCode).toBe(0);
    expect(lineOf(examined, 'database')).toMatch(
      /^ok .*PostgreSQL \d+\.\d+, 127\.0\.0\.1:\d+\/\S+, without TLS$/,
    );
    expect(lineOf(examined, 'schema')).toMatch(/^ok .*all \d+ migrations/);
    expect(lineOf(examined, 'clock')).toMatch(/^ok /);
    expect(lineOf(examined, 'cache')).toContain('Redis ');
    expect(lineOf(examined, 'stripe key')).toMatch(/^ok .*test mode, account acct_/);
    expect(lineOf(examined, 'stripe rights')).toMatch(/^ok /);
    expect(lineOf(examined, 'webhook endpoint')).toMatch(/^ok .*we_/);
    expect(lineOf(examined, 'deliveries')).toMatch(/^ok /);
  });

  it('has nothing to say about the Redis of npm run dev', async () => {
    const program = findRedisServer();
    if (program === undefined) throw new Error('The tests need a redis-server on the PATH.');
    const redis = await startRedis(program);
    expect(await checkCache(redis.url)).toMatchObject({ state: 'ok' });
    await redis.stop();
  });

  it('counts what Stripe could not deliver', async () => {
    await stripe.customers.create();
    expect(await checkDeliveries(stripe, Date.now() + 60_000, true)).toMatchObject({
      state: 'warning',
      found: 'undelivered events in the last hour: 1',
    });
  });

  it('names missing event types, and a disabled endpoint', async () => {
    const [endpoint] = (await stripe.webhookEndpoints.list()).data;
    const id = endpoint?.id ?? '';
    await stripe.webhookEndpoints.update(id, {
      enabled_events: eventTypes.filter((type) => type !== 'refund.failed'),
    });
    expect(lineOf(await examine(), 'webhook endpoint')).toBe(
      `FAILED   webhook endpoint  ${id} is not subscribed to refund.failed`,
    );
    await stripe.webhookEndpoints.update(id, { disabled: true });
    expect(lineOf(await examine(), 'webhook endpoint')).toBe(
      `FAILED   webhook endpoint  ${id} is disabled`,
    );
    await stripe.webhookEndpoints.update(id, { disabled: false, enabled_events: ['*'] });
    expect(lineOf(await examine(), 'webhook endpoint')).toMatch(/^ok /);
  });

  it('reports a key that Stripe refuses, and a key of another account', async () => {
    const refused = await examine({ STRIPE_SECRET_KEY: 'sk_test_of_another_account' });
    expect(refused.exitCode).toBe(1);
    expect(lineOf(refused, 'stripe key')).toContain('Stripe rejects the key');
    const other = await examine({ STRIPE_ACCOUNT_ID: 'acct_of_another' });
    expect(other.exitCode).toBe(1);
    expect(lineOf(other, 'stripe key')).toContain('but STRIPE_ACCOUNT_ID is acct_of_another');
  });

  it('names the stores that it cannot reach', async () => {
    const examined = await examine({
      DATABASE_URL: 'postgresql://me:hunter2@127.0.0.1:9/entitlements',
      REDIS_URL: 'redis://127.0.0.1:9/1',
    });
    expect(examined.exitCode).toBe(1);
    expect(lineOf(examined, 'database')).toContain('database 127.0.0.1:9/entitlements: ');
    expect(lineOf(examined, 'cache')).toContain('Redis at 127.0.0.1:9, database 1: ');
    expect(examined.output).not.toContain('hunter2');
  });
});
