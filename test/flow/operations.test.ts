import { chmod, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import Stripe from 'stripe';
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { Started } from '../../src/dev/started.ts';
import { temporaryDirectory } from '../../src/dev/temporary.ts';
import { type RedisProxy, startRedisProxy } from '../helpers/redis-proxy.ts';
import { testStart, webhookSecret } from '../helpers/service.ts';
import { type Shop, startShop } from '../helpers/shop.ts';
import { readRunbook } from './operations/document.ts';
import { type Instance, startInstance } from './operations/instance.ts';
import { perform } from './operations/perform.ts';
import { scenes } from './operations/scenes.ts';
import { Shell } from './operations/shell.ts';

/*
 * docs/operations.md, read from top to bottom and done: its commands run in bash against an instance
 * that listens, with its worker and with Stripe's stand-in, and answer what stands beside them.
 */

const runbook = readRunbook(
  await readFile(path.resolve(import.meta.dirname, '../../docs/operations.md'), 'utf8'),
);
const newSecret = 'whsec_new_secret';
const metricsToken = 'a_token_for_the_metrics_of_the_tests';

const started = new Started();
let shop: Shop;
let redis: RedisProxy;
let instance: Instance;
let shell: Shell;

beforeAll(async () => {
  shop = await startShop();
  started.add(() => shop.close());
  redis = await startRedisProxy(inject('redisUrl'));
  started.add(() => redis.close());
  instance = await startInstance(shop, settings([webhookSecret]));
  started.add(() => instance.close());
  shell = new Shell({
    PATH: `${process.env['PATH'] ?? ''}:${await psqlDirectory()}`,
    LATCHKEY: instance.url,
    ADMIN_API_KEY: shop.service.adminKey,
    METRICS_TOKEN: metricsToken,
    DATABASE_URL: shop.service.deps.config.databaseUrl,
  });
  started.add(() => shell.close());
});
afterAll(() => started.stop());

function settings(webhookSecrets: string[], port = 0) {
  return { redisUrl: redis.url, metricsToken, webhookSecrets, port };
}

/** The manual steps of the runbook, which have no portable command. */
const acts: Record<string, () => Promise<void>> = {
  restart: () => restart([webhookSecret]),
  async 'both secrets'() {
    await restart([newSecret, webhookSecret]);
    expect([await postEvent(newSecret), await postEvent(webhookSecret)]).toEqual([200, 200]);
  },
  async 'the new secret'() {
    await restart([newSecret]);
    expect([await postEvent(newSecret), await postEvent(webhookSecret)]).toEqual([200, 400]);
  },
  async 'Redis is down'() {
    redis.hold();
    await Promise.resolve();
  },
  async 'Redis is back'() {
    redis.release();
    // Connections that hung for seconds were closed, and are reopened within a moment.
    await vi.waitFor(isReady, { timeout: 10_000 });
  },
};

async function restart(webhookSecrets: string[]): Promise<void> {
  const { port } = instance;
  await instance.close();
  instance = await startInstance(shop, settings(webhookSecrets, port));
}

async function isReady(): Promise<void> {
  const answer = await fetch(`${instance.url}/ready`);
  expect(await answer.json()).toMatchObject({ status: 'ready' });
}

/** Posts an event to the instance, signed with `secret`; returns the status. */
async function postEvent(secret: string): Promise<number> {
  const payload = JSON.stringify({
    id: `evt_${secret}_${Math.random().toString(36).slice(2)}`,
    object: 'event',
    type: 'customer.updated',
    created: testStart / 1000,
    livemode: false,
    api_version: '2026-10-28.endive',
    data: { object: { id: await shop.customerOf('u_42'), object: 'customer' } },
  });
  const timestamp = shop.service.clock.now() / 1000;
  const signature = Stripe.webhooks.generateTestHeaderString({ payload, secret, timestamp });
  const { status } = await fetch(`${instance.url}/api/v1/webhooks/stripe`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'stripe-signature': signature },
    body: payload,
  });
  return status;
}

/** The folder of a stand-in for `psql`, for machines without one; a real one comes first on the PATH. */
async function psqlDirectory(): Promise<string> {
  const directory = await temporaryDirectory('psql', started);
  const program = path.resolve(import.meta.dirname, 'operations/psql.ts');
  const file = path.join(directory, 'psql');
  await writeFile(file, `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`);
  await chmod(file, 0o755);
  return directory;
}

async function act(name: string): Promise<void> {
  const done = acts[name];
  if (done === undefined) throw new Error(`the test has nothing to do for "${name}"`);
  await done();
}

describe('docs/operations.md', () => {
  it('has a scene here for each of its sections, and commands in each', () => {
    expect(runbook.map(({ heading }) => heading)).toEqual(Object.keys(scenes));
    for (const { heading, steps } of runbook) expect(steps, heading).not.toEqual([]);
  });

  it.each(runbook)('$heading', { timeout: 60_000 }, async ({ heading, steps }) => {
    const names = (await scenes[heading]?.(shop)) ?? {};
    for (const step of steps) await perform(step, shell, act, names);
  });
});
