import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import Stripe from 'stripe';
import { describe, expect, it } from 'vitest';
import { freePort } from '../../src/dev/ports.ts';
import { Started } from '../../src/dev/started.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { createTestDatabase } from '../helpers/database.ts';
import { startDying } from '../helpers/dying-process.ts';
import { ingestionSteps, type Step } from '../helpers/ingestion-steps.ts';
import { at, text } from '../helpers/json.ts';
import { adminKey, webhookSecret } from '../helpers/service.ts';

/*
 * Promise 1 against SIGKILL: real processes, real time. Each case has its own database, sandbox and
 * processes, so that they run beside each other.
 */

const secretKey = 'sk_test_123';
const projectId = 'notes';
const success = 'https://notes.example/welcome';

/** Longer than a dead worker's lease, and than a sweep takes to come round. */
const recoverWithinMs = 15_000;

interface Case {
  sandbox: Sandbox;
  stripe: Stripe;
  databaseUrl: string;
  started: Started;
}

async function openCase(started: Started): Promise<Case> {
  const { url, drop } = await createTestDatabase();
  started.add(drop);
  const sandbox = await startSandbox({ secretKey, delivery: 'manual' });
  started.add(() => sandbox.close());
  const { hostname, port } = new URL(sandbox.url);
  const stripe = new Stripe(secretKey, { host: hostname, port, protocol: 'http' });
  return { sandbox, stripe, databaseUrl: url, started };
}

/** Resolves once the process listens; it dies at the step, once armed. */
async function startProcess(
  { sandbox, databaseUrl, started }: Case,
  port: number,
  dieAt: Step | 'never',
): Promise<ChildProcess> {
  const { child } = await startDying({
    ...{ program: 'dying-service.ts', dieAt, databaseUrl, started },
    environment: { STRIPE_API_BASE: sandbox.url, PORT: String(port) },
  });
  await said(child, 'listening');
  return child;
}

async function said(child: ChildProcess, word: string): Promise<void> {
  let output = '';
  await new Promise<void>((resolve, reject) => {
    child.stdout?.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      if (output.includes(word)) resolve();
    });
    child.once('exit', () => {
      reject(new Error(`the process ended before it said '${word}': ${output}`));
    });
  });
}

async function ask(port: number, method: string, way: string, body?: object): Promise<unknown> {
  const response = await fetch(`http://127.0.0.1:${port}/api/v1${way}`, {
    method,
    headers: {
      authorization: `Bearer ${adminKey}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const answer: unknown = await response.json();
  // A busy machine may make a process late at first, and it sheds what can wait.
  if (response.status === 503) {
    await setTimeout(50);
    return ask(port, method, way, body);
  }
  if (!response.ok) throw new Error(JSON.stringify(answer));
  return answer;
}

function read(port: number): Promise<unknown> {
  return ask(port, 'GET', `/entitlements?project_id=${projectId}&user_id=u_1`);
}

/** A product for sale, and a checkout that is about to be paid. Returns the session's id. */
async function prepare(port: number, stripe: Stripe): Promise<string> {
  await ask(port, 'POST', '/admin/projects', {
    id: projectId,
    name: 'Notes',
    settings: { redirect_origins: ['https://notes.example'] },
  });
  await ask(port, 'PUT', '/admin/features/export', {
    project_id: projectId,
    name: 'Export',
    type: 'boolean',
  });
  const product = await stripe.products.create({ name: 'For ever' });
  const price = await stripe.prices.create({
    product: product.id,
    currency: 'usd',
    unit_amount: 1_000,
  });
  await ask(port, 'PUT', `/admin/products/${product.id}`, {
    project_id: projectId,
    features: { export: true },
  });
  const opened = await ask(port, 'POST', '/checkout/sessions', {
    project_id: projectId,
    user_id: 'u_1',
    price_id: price.id,
    success_url: success,
    cancel_url: success,
  });
  return text(opened, 'id');
}

/** Asks until the purchase shows; how long that took. */
async function untilEntitled(port: number): Promise<number> {
  const begunAt = Date.now();
  for (;;) {
    const answer = await read(port);
    if (at(answer, 'entitlements', 0, 'feature_code') === 'export') return Date.now() - begunAt;
    if (Date.now() - begunAt > 2 * recoverWithinMs) throw new Error('the purchase is lost');
    // Not more often: the processes have two cores between them.
    await setTimeout(50);
  }
}

/** Sends pending deliveries until all were accepted. */
async function deliverAll(sandbox: Sandbox): Promise<void> {
  while (sandbox.pendingDeliveries().length > 0) await sandbox.deliver();
}

/** Buys something from a process that dies at the step, while it takes in the news of it. */
async function buyAndDie(each: Case, port: number, step: Step): Promise<void> {
  const { sandbox, stripe } = each;
  const child = await startProcess(each, port, step);
  const session = await prepare(port, stripe);
  sandbox.addEndpoint({
    url: `http://127.0.0.1:${port}/api/v1/webhooks/stripe`,
    secret: webhookSecret,
  });
  // From here on the cached answer becomes outdated.
  expect(at(await read(port), 'entitlements')).toEqual([]);
  const armed = said(child, 'armed');
  child.kill('SIGUSR2');
  await armed;
  const died = once(child, 'exit', { signal: AbortSignal.timeout(recoverWithinMs) });
  await sandbox.buyer.pay(session);
  await sandbox.deliver(['checkout.session.completed']);
  expect(await died).toEqual([null, 'SIGKILL']);
}

describe.concurrent(
  'a process that is killed while it takes in a purchase',
  { timeout: 90_000 },
  () => {
    for (const step of ingestionSteps) {
      it(`right after '${step}', has had its effect once within 15 s of a restart`, async ({
        expect,
      }) => {
        const started = new Started();
        try {
          const each = await openCase(started);
          const port = await freePort();
          await buyAndDie(each, port, step);
          await startProcess(each, port, 'never');
          const recovering = untilEntitled(port);
          await deliverAll(each.sandbox);
          expect(await recovering).toBeLessThan(recoverWithinMs);
          expect(at(await read(port), 'revision')).toBe(1);
        } finally {
          await started.stop();
        }
      });
    }

    for (const step of ['acknowledged', 'written', 'committed'] as const) {
      it(`right after '${step}', leaves it to another instance`, async ({ expect }) => {
        const started = new Started();
        try {
          const each = await openCase(started);
          const [port, other] = [await freePort(), await freePort()];
          const second = startProcess(each, other, 'never');
          await buyAndDie(each, port, step);
          await second;
          expect(await untilEntitled(other)).toBeLessThan(recoverWithinMs);
          expect(at(await read(other), 'revision')).toBe(1);
        } finally {
          await started.stop();
        }
      });
    }
  },
);
