import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import Stripe from 'stripe';
import { expect, it } from 'vitest';
import type { Prisma } from '../../src/generated/prisma/client.ts';
import { subscriptionRow } from '../../src/mirror/core/from-stripe.ts';
import type { Database } from '../../src/platform/database.ts';
import { startSandbox } from '../../src/sandbox/sandbox.ts';
import { createTestDatabase } from '../helpers/database.ts';
import { adminKey, webhookSecret } from '../helpers/service.ts';

/*
 * Time, memory and requests of a run where nothing differs. Ten times the subscriptions take ten times the
 * pages, and no more memory. In full: npm run test:reconcile
 */

const many = Number(process.env['RECONCILE_SUBSCRIPTIONS'] ?? 2_000);
const few = many / 10;
const dayMs = 86_400_000;
const secretKey = 'sk_test_123';

interface Measured {
  status: string;
  error: string | null;
  findings: string[];
  seconds: number;
  peakMegabytes: number;
}

it(
  `${many} subscriptions are compared in pages, in the memory of ${few}`,
  { timeout: 120_000 + many * 10 },
  async () => {
    const sandbox = await startSandbox({ secretKey, delivery: 'manual' });
    const { url, database, drop } = await createTestDatabase();
    const { hostname, port } = new URL(sandbox.url);
    const stripe = new Stripe(secretKey, { host: hostname, port, protocol: 'http' });
    const { id: price } = await stripe.prices.create({
      currency: 'usd',
      unit_amount: 1_000,
      // Nothing renews while it is compared: that would be drift, and found.
      recurring: { interval: 'year' },
      product_data: { name: 'pro' },
    });
    // Brings the catalog, and is the last success of what follows.
    await reconcileInProcess(url, sandbox.url);
    const measured: (Measured & { subscriptions: number; requests: number })[] = [];
    for (const [subscriptions, added] of [
      [few, few],
      [many, many - few],
    ] as const) {
      await sandbox.seed({
        count: added,
        prices: [price],
        createdFrom: Date.now() - 300 * dayMs,
        createdTo: Date.now() - 2 * dayMs,
        metadata: { project_id: 'notes', user_id: `${subscriptions}-{n}` },
      });
      await mirrorAll(database, stripe);
      const before = sandbox.requests.length;
      measured.push({
        subscriptions,
        ...(await reconcileInProcess(url, sandbox.url)),
        requests: sandbox.requests.length - before,
      });
    }
    for (const { subscriptions, requests, seconds, peakMegabytes } of measured) {
      process.stdout.write(
        `reconciliation of ${subscriptions} subscriptions: ${seconds.toFixed(1)} s, ${requests} requests, peak ${peakMegabytes.toFixed(0)} MB\n`,
      );
    }
    await drop();
    await sandbox.close();
    const [small, large] = measured;
    for (const run of measured) {
      expect(run).toMatchObject({ status: 'done', error: null, findings: [] });
      expect(run.requests).toBeLessThan(run.subscriptions / 100 + 20);
    }
    expect(large?.peakMegabytes).toBeLessThan((small?.peakMegabytes ?? 0) * 1.2);
    // At ten requests a second, and what the comparison itself takes.
    expect(large?.seconds).toBeLessThan(many / 100 / 10 + many * 0.0008 + 20);
  },
);

/** Puts all subscriptions into the mirror as they are at Stripe, a thousand at a time. */
async function mirrorAll(database: Database, stripe: Stripe): Promise<void> {
  const at = new Date();
  await database.prisma.project.createMany({
    data: [{ id: 'notes', name: 'notes', redirectOrigins: [], createdAt: at, updatedAt: at }],
    skipDuplicates: true,
  });
  let batch: Stripe.Subscription[] = [];
  const list = stripe.subscriptions.list({ status: 'all', limit: 100, expand: ['data.customer'] });
  for await (const subscription of list) {
    batch.push(subscription);
    if (batch.length < 1_000) continue;
    await mirror(database, batch, at);
    batch = [];
  }
  await mirror(database, batch, at);
}

async function mirror(
  { prisma }: Database,
  subscriptions: readonly Stripe.Subscription[],
  at: Date,
): Promise<void> {
  const rows = subscriptions.map((one) => subscriptionRow(one, one.items.data, null));
  const userIds = rows.flatMap(({ metadataUserId }) => metadataUserId ?? []);
  await prisma.user.createMany({
    data: userIds.map((userId) => ({ projectId: 'notes', userId, createdAt: at })),
    skipDuplicates: true,
  });
  const users = await prisma.user.findMany({ where: { userId: { in: userIds } } });
  const uids = new Map(users.map(({ userId, uid }) => [userId, uid]));
  await prisma.customer.createMany({
    data: subscriptions.flatMap(({ customer }) => {
      if (typeof customer === 'string' || customer.deleted === true) return [];
      const { id, email, created } = customer;
      return [{ id, email, createdAt: new Date(created * 1000) }];
    }),
    skipDuplicates: true,
  });
  const items: Prisma.SubscriptionItemCreateManyInput[] = [];
  const discounts: Prisma.SubscriptionDiscountCreateManyInput[] = [];
  const data = rows.map(({ items: held, discounts: taken = [], ...row }) => {
    items.push(...held);
    discounts.push(...taken);
    const uid = uids.get(row.metadataUserId ?? '') ?? null;
    return { ...row, uid, effectiveStatus: row.status };
  });
  await prisma.subscription.createMany({ data, skipDuplicates: true });
  await prisma.subscriptionItem.createMany({ data: items, skipDuplicates: true });
  await prisma.subscriptionDiscount.createMany({ data: discounts, skipDuplicates: true });
}

/** In a process of its own, whose memory is the reconciliation's alone. */
async function reconcileInProcess(databaseUrl: string, stripeUrl: string): Promise<Measured> {
  const program = path.resolve(import.meta.dirname, '../helpers/reconciling-process.ts');
  const { stdout } = await promisify(execFile)('node', [program], {
    env: {
      ...process.env,
      DATABASE_URL: databaseUrl,
      STRIPE_API_BASE: stripeUrl,
      STRIPE_SECRET_KEY: secretKey,
      STRIPE_WEBHOOK_SECRETS: webhookSecret,
      ADMIN_API_KEY: adminKey,
      LOG_LEVEL: 'warn',
    },
  });
  const line = stdout.trim().split('\n').at(-1) ?? '';
  return JSON.parse(line) as Measured; // as the program prints it
}
