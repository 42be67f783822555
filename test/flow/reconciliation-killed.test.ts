import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Stripe from 'stripe';
import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import { freePort } from '../../src/dev/ports.ts';
import { Started } from '../../src/dev/started.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts';
import { text } from '../helpers/json.ts';
import { foundRun } from '../helpers/reconciliation.ts';
import { adminKey, webhookSecret } from '../helpers/service.ts';

/* Real processes, real time: one ends amid a run, another one finishes it. */

const secretKey = 'sk_test_123';
const subscribers = 80;

let started: Started;
let sandbox: Sandbox;
let test: TestDatabase;

beforeEach(async () => {
  started = new Started();
  test = await createTestDatabase();
  started.add(test.drop);
  sandbox = await startSandbox({ secretKey, delivery: 'manual' });
  started.add(() => sandbox.close());
});
afterEach(() => started.stop());

interface Running {
  child: ChildProcess;
  port: number;
}

/** The service as it is; it reconciles when asked to. */
async function startProcess(): Promise<Running> {
  const port = await freePort();
  const child = spawn(
    process.execPath,
    [path.resolve(import.meta.dirname, '../../src/server.ts')],
    {
      env: {
        PATH: process.env['PATH'],
        DATABASE_URL: test.url,
        REDIS_URL: inject('redisUrl'),
        STRIPE_SECRET_KEY: secretKey,
        STRIPE_WEBHOOK_SECRETS: webhookSecret,
        STRIPE_API_BASE: sandbox.url,
        RECONCILE_CRON: '',
        ADMIN_API_KEY: adminKey,
        HOST: '127.0.0.1',
        PORT: String(port),
        LOG_LEVEL: 'error',
        DRAIN_SECONDS: '0',
      },
      stdio: ['ignore', 'inherit', 'inherit'],
    },
  );
  started.add(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  await until(async () => (await fetch(`http://127.0.0.1:${port}/ready`)).ok);
  return { child, port };
}

/** Asks again and again, not more often than two cores can bear. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo().catch(() => false))) await sleep(50);
}

async function ask({ port }: Running, method: string, way: string, body: object): Promise<unknown> {
  for (;;) {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/admin${way}`, {
      method,
      headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    const answer: unknown = await response.json();
    if (response.ok) return answer;
    // A busy machine may make a process late at first, and it sheds what can wait.
    if (response.status !== 503) throw new Error(JSON.stringify(answer));
    await sleep(50);
  }
}

/** Something for sale, and subscribers of it of whom the service has not heard. */
async function prepare(running: Running): Promise<void> {
  const { hostname, port } = new URL(sandbox.url);
  const stripe = new Stripe(secretKey, { host: hostname, port, protocol: 'http' });
  await ask(running, 'POST', '/projects', { id: 'notes', name: 'Notes' });
  await ask(running, 'PUT', '/features/export', {
    project_id: 'notes',
    name: 'Export',
    type: 'boolean',
  });
  const product = await stripe.products.create({ name: 'pro' });
  const price = await stripe.prices.create({
    product: product.id,
    currency: 'usd',
    unit_amount: 1_000,
    recurring: { interval: 'year' },
  });
  await ask(running, 'PUT', `/products/${product.id}`, {
    project_id: 'notes',
    features: { export: true },
  });
  await sandbox.seed({
    count: subscribers,
    prices: [price.id],
    metadata: { project_id: 'notes', user_id: 'u{n}' },
  });
}

/** Starts a run, and waits until it is amid the subscriptions. */
async function startRun(running: Running): Promise<string> {
  const id = text(await ask(running, 'POST', '/reconciliations', {}), 'id');
  await until(async () => (await test.database.prisma.subscription.count()) >= 10);
  return id;
}

async function expectFinishedOnce(id: string): Promise<void> {
  const { prisma } = test.database;
  await until(
    async () =>
      (await prisma.reconciliationRun.findUniqueOrThrow({ where: { id } })).status !== 'running',
  );
  const run = await foundRun({ deps: test }, id);
  expect(run).toMatchObject({ status: 'done', error: null });
  const fixed = run.findings.filter((each) => each === 'paid_but_blocked subscription fixed');
  expect(fixed).toHaveLength(subscribers);
  // Each has one revision, and nothing of it was superseded: nothing was written twice.
  const users = await prisma.user.findMany({ select: { revision: true } });
  expect(users).toHaveLength(subscribers);
  expect(users.filter(({ revision }) => revision !== 1n)).toEqual([]);
  expect(await prisma.entitlementSegment.count({ where: { supersededAt: { not: null } } })).toBe(0);
}

it('the process of a run is killed: another one takes over when its lease is over, and finishes', async () => {
  const { prisma } = test.database;
  const first = await startProcess();
  await prepare(first);
  const id = await startRun(first);
  first.child.kill('SIGKILL');
  await once(first.child, 'exit');
  const left = await prisma.reconciliationRun.findUniqueOrThrow({ where: { id } });
  expect(left.status).toBe('running');
  expect(left.leasedBy).not.toBeNull();
  expect(await prisma.subscription.count()).toBeLessThan(subscribers);

  const asked = sandbox.requests.length;
  await startProcess();
  // What is not waited for is the rest of the minute.
  await prisma.reconciliationRun.update({ where: { id }, data: { leaseUntil: new Date() } });
  await expectFinishedOnce(id);
  const lists = sandbox.requests.slice(asked).map(({ endpoint }) => endpoint);
  expect(lists).toContain('GET /v1/subscriptions');
  expect(lists).not.toContain('GET /v1/charges');
}, 180_000);

it('the process of a run is told to stop: it gives the run back at once, and another one finishes', async () => {
  const { prisma } = test.database;
  const first = await startProcess();
  await prepare(first);
  const id = await startRun(first);
  first.child.kill('SIGTERM');
  expect(await once(first.child, 'exit')).toEqual([0, null]);
  expect(await prisma.reconciliationRun.findUniqueOrThrow({ where: { id } })).toMatchObject({
    status: 'running',
    leasedBy: null,
    leaseUntil: null,
  });
  expect(await prisma.subscription.count()).toBeLessThan(subscribers);

  await startProcess();
  await expectFinishedOnce(id);
}, 180_000);
