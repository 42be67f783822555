import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DatabaseFailure } from '../../src/platform/database.ts';
import { openDatabase } from '../../src/platform/database.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts';
import { metricFaults, promtoolFaults } from '../helpers/metric-lint.ts';
import { type Shop, startShop } from '../helpers/shop.ts';

interface Series {
  metricName?: string;
  labels: Partial<Record<string, string | number>>;
  value: number;
}

/** The count and the sum of a histogram, over all labels that match. */
function countAndSum(values: Series[], labels: Record<string, string | number> = {}) {
  const total = (ending: string): number =>
    values
      .filter(({ metricName }) => metricName?.endsWith(ending))
      .filter((series) =>
        Object.entries(labels).every(([name, value]) => series.labels[name] === value),
      )
      .reduce((sum, { value }) => sum + value, 0);
  return { count: total('_count'), sum: total('_sum') };
}

describe("the way from Stripe's `created` to applied", () => {
  let shop: Shop;

  beforeAll(async () => {
    shop = await startShop();
  });
  afterAll(() => shop.close());

  it('is measured in two parts: until an event is stored, and from then until it is applied', async () => {
    const { metrics, database } = shop.service.deps;
    await shop.settle();
    const before = {
      webhook: countAndSum((await metrics.webhookDelaySeconds.get()).values),
      buyers: countAndSum((await metrics.syncDelaySeconds.get()).values, { urgency: 0 }),
    };
    const eventsBefore = await database.prisma.webhookEvent.count();
    await shop.buy('u_1', 'pro');
    shop.service.clock.advance(30_000);
    await shop.sandbox.deliver();
    shop.service.clock.advance(4_000);
    await shop.service.runWorker();

    const events = (await database.prisma.webhookEvent.count()) - eventsBefore;
    expect(events).toBeGreaterThan(0);
    const webhook = countAndSum((await metrics.webhookDelaySeconds.get()).values);
    expect(webhook.count - before.webhook.count).toBe(events);
    expect(webhook.sum - before.webhook.sum).toBe(30 * events);

    const buyers = countAndSum((await metrics.syncDelaySeconds.get()).values, { urgency: 0 });
    const applied = buyers.count - before.buyers.count;
    expect(applied).toBeGreaterThan(0);
    expect(buyers.sum - before.buyers.sum).toBe(4 * applied);
  });

  it('counts neither a repeated delivery nor a try that failed', async () => {
    const { metrics } = shop.service.deps;
    const event = await shop.service.deps.database.prisma.webhookEvent.findFirstOrThrow();
    const counts = async () => [
      countAndSum((await metrics.webhookDelaySeconds.get()).values).count,
      countAndSum((await metrics.syncDelaySeconds.get()).values).count,
    ];
    const before = await counts();
    shop.sandbox.resend(event.eventId);
    await shop.sandbox.deliver();
    expect(await counts()).toEqual(before);

    await shop.buy('u_2', 'pro');
    await shop.sandbox.deliver();
    shop.sandbox.faults.api({ status: 500 });
    const [stored = 0] = await counts();
    await shop.service.runWorker();
    shop.sandbox.faults.clear();
    expect(await counts()).toEqual([stored, before[1]]);
  });
});

describe('the metrics of a service that has sold', () => {
  it('keep the rules of Prometheus, as `promtool check metrics` knows them', async () => {
    const shop = await startShop();
    try {
      await shop.buy('u_1', 'pro');
      await shop.settle();
      await shop.service.request('GET', '/entitlements?user_id=u_1', { key: shop.key });
      const text = await shop.service.deps.metrics.registry.metrics();
      expect(text).toContain('latchkey_syncs_total{');
      expect(metricFaults(text)).toEqual([]);
      expect(promtoolFaults(text) ?? []).toEqual([]);
    } finally {
      await shop.close();
    }
  });
});

describe('failures of Postgres', () => {
  let test: TestDatabase;

  beforeAll(async () => {
    test = await createTestDatabase();
  });
  afterAll(() => test.drop());

  async function failuresOf(
    url: string,
    work: (database: ReturnType<typeof openDatabase>) => Promise<unknown>,
  ): Promise<DatabaseFailure[]> {
    const failures: DatabaseFailure[] = [];
    const database = openDatabase(
      url,
      () => undefined,
      (failure) => failures.push(failure),
    );
    try {
      await work(database).catch(() => undefined);
    } finally {
      await database.close();
    }
    return failures;
  }

  const nowhere = 'postgresql://latchkey@127.0.0.1:9/latchkey';

  it.each<[string, Parameters<typeof failuresOf>[1]]>([
    ['a query', ({ pool }) => pool.query('select 1')],
    ["one of Prisma's", ({ prisma }) => prisma.project.count()],
    ['a transaction', (database) => database.transaction(() => Promise.resolve())],
  ])('%s that cannot reach it is one, told once', async (_name, work) => {
    expect(await failuresOf(nowhere, work)).toEqual(['unreachable']);
  });

  it('a statement that is wrong is none, and neither is what is thrown within a transaction', async () => {
    const failures = await failuresOf(test.url, async (database) => {
      await expect(database.pool.query('selec 1')).rejects.toThrow('syntax error');
      await expect(
        database.transaction(() => Promise.reject(new Error('something of ours'))),
      ).rejects.toThrow('of ours');
    });
    expect(failures).toEqual([]);
  });

  it('a statement that takes too long is one, of its own kind', async () => {
    const failures = await failuresOf(test.url, (database) =>
      database.transaction(async (tx) => {
        await tx.$executeRaw`set local statement_timeout = 10`;
        await tx.$executeRaw`select pg_sleep(20)`;
      }),
    );
    expect(failures).toEqual(['timeout']);
  });

  it('a conflict is one each time, although the transaction is tried again', async () => {
    let tries = 0;
    const failures = await failuresOf(test.url, (database) =>
      database.transaction((tx) => {
        tries += 1;
        return tries < 3
          ? tx.$executeRaw`do $$ begin raise exception 'again' using errcode = '40001'; end $$`
          : Promise.resolve(0);
      }),
    );
    expect(failures).toEqual(['conflict', 'conflict']);
  });
});
