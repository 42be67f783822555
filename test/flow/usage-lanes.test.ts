import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { UsageAnswer } from '../../src/usage/batch-state.ts';
import { createUsage, type Usage } from '../../src/usage/usage.ts';
import { meteredApp } from '../helpers/metered.ts';
import { startTestService, type TestService } from '../helpers/service.ts';

/* How the deeds of users and projects share the transactions of a process. */

let service: TestService;
let usage: Usage;

/** Users of the project `other` and of `notes`. */
const hot = 'u_hot';
const users = Array.from({ length: 20 }, (_, number) => `u_${number}`);
const neighbours = users.slice(0, 10);
const siblings = users.slice(10);

beforeAll(async () => {
  service = await startTestService();
  for (const project of ['notes', 'other']) {
    const { key } = await service.createProject(project);
    const app = await meteredApp(service, key);
    for (const user of [hot, ...(project === 'notes' ? siblings : neighbours)]) {
      await app.grant(user, { amount: 10_000 });
    }
  }
  usage = createUsage(service.deps);
  // Every user has its row in usage_users.
  await Promise.all([
    ...[hot, ...siblings].map((user) => consume('notes', user)),
    ...neighbours.map((user) => consume('other', user)),
  ]);
});
afterAll(() => service.close());

let keys = 0;

function perform(
  instance: Usage,
  projectId: string,
  userId: string,
  { amount = 1, key = `key_${(keys += 1)}` } = {},
): Promise<UsageAnswer> {
  const user = { projectId, userId };
  return instance.perform({
    ...{ projectId, key },
    deed: { kind: 'consume', user, featureCode: 'credits', amount, partial: false, metadata: null },
  });
}

async function consume(
  projectId: string,
  userId: string,
  more: { amount?: number; key?: string } = {},
): Promise<{ balance: number }> {
  const { text } = await perform(usage, projectId, userId, more);
  return JSON.parse(text) as { balance: number }; // written by the service
}

/** Runs `work` while a transaction has a lock. `work` gets a function that ends the transaction. */
async function whileLocked<T>(
  sql: string,
  work: (unlock: () => Promise<unknown>) => Promise<T>,
): Promise<T> {
  const client = await service.deps.database.pool.connect();
  try {
    await client.query(`begin; ${sql}`);
    return await work(() => client.query('rollback'));
  } finally {
    await client.query('rollback');
    client.release();
  }
}

const lockHot = `select from usage_users where uid = (
  select uid from users where project_id = 'notes' and user_id = '${hot}') for update`;

async function countLockWaits(): Promise<number> {
  const { rowCount } = await service.deps.database.pool.query(
    `select from pg_stat_activity
     where datname = current_database() and wait_event_type = 'Lock'`,
  );
  return rowCount ?? 0;
}

async function waitForLocks(number: number): Promise<void> {
  await vi.waitUntil(async () => (await countLockWaits()) === number);
}

async function changes(labels: { kind: string; outcome: string }): Promise<number> {
  const { values } = await service.deps.metrics.usageChanges.get();
  const found = values.find(
    (each) => each.labels.kind === labels.kind && each.labels.outcome === labels.outcome,
  );
  return found?.value ?? 0;
}

describe('a lane', () => {
  it('serves projects in turns: one deed waits behind one transaction of a project with hundreds', async () => {
    const order: string[] = [];
    const counted = (project: string, user: string): Promise<unknown> =>
      consume(project, user).finally(() => order.push(project));
    await whileLocked('lock table usage_users in exclusive mode', async (unlock) => {
      const first = consume('notes', hot);
      await waitForLocks(1);
      const many = Array.from({ length: 300 }, () => counted('notes', hot));
      const one = counted('other', neighbours[0] ?? '');
      await unlock();
      await Promise.all([first, ...many, one]);
    });
    expect(order).toHaveLength(301);
    expect(order.indexOf('other')).toBeLessThanOrEqual(64);
  });

  it('goes on while one of its users is locked', async () => {
    let stuck: string | undefined;
    expect(siblings.length).toBeGreaterThan(3);
    await whileLocked(lockHot, async () => {
      const waiting = consume('notes', hot).then(
        () => (stuck = 'done'),
        () => (stuck = 'failed'),
      );
      for (let time = 0; time < 3; time += 1) {
        await Promise.all([
          ...siblings.map((user) => consume('notes', user)),
          ...neighbours.map((user) => consume('other', user)),
        ]);
      }
      expect(stuck).toBeUndefined();
      await waiting;
    });
    expect(stuck).toBe('failed');
  });

  it('keeps connections for other users while many users are locked', async () => {
    const lockSiblings = `select from usage_users where uid in (
      select uid from users where project_id = 'notes' and user_id = any('{${siblings.join()}}')) for update`;
    await whileLocked(lockSiblings, async () => {
      const stuck = siblings.map((user) => consume('notes', user));
      let isOver = false;
      const over = Promise.allSettled(stuck).finally(() => (isOver = true));
      let mostWaiting = 0;
      const watch = async (): Promise<void> => {
        while (!isOver) mostWaiting = Math.max(mostWaiting, await countLockWaits());
      };
      const serve = async (): Promise<void> => {
        while (!isOver) await Promise.all(neighbours.map((user) => consume('other', user)));
      };
      await Promise.all([watch(), serve()]);
      expect((await over).map(({ status }) => status)).toEqual(stuck.map(() => 'rejected'));
      expect(mostWaiting).toBeGreaterThanOrEqual(1);
      expect(mostWaiting).toBeLessThanOrEqual(2);
    });
  });

  it('counts everything once when a locked user is free again', async () => {
    const before = await changes({ kind: 'consume', outcome: 'changed' });
    await whileLocked(lockHot, async (unlock) => {
      const first = consume('notes', hot);
      await waitForLocks(1);
      const more = Array.from({ length: 150 }, () => consume('notes', hot));
      expect((await service.deps.metrics.usagePending.get()).values).toMatchObject([
        { value: 151 },
      ]);
      await unlock();
      const answers = await Promise.all([first, ...more]);
      const balances = new Set(answers.map(({ balance }) => balance));
      expect(balances.size).toBe(151);
    });
    expect(await changes({ kind: 'consume', outcome: 'changed' })).toBe(before + 151);
    expect((await service.deps.metrics.usagePending.get()).values).toMatchObject([{ value: 0 }]);
  });
});

describe('two instances', () => {
  it('count a key once that neither found before it locked the user', async () => {
    const instances = [usage, createUsage(service.deps)];
    const answers = await whileLocked(lockHot, async (unlock) => {
      const both = instances.map((instance) => perform(instance, 'notes', hot, { key: 'both' }));
      await waitForLocks(2); // both have looked for the key
      await unlock();
      return Promise.all(both);
    });
    expect(answers.map(({ isReplay }) => isReplay).toSorted()).toEqual([false, true]);
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    const { rowCount } = await service.deps.database.pool.query(
      `select from usage_entries where key = 'both'`,
    );
    expect(rowCount).toBe(1);
  });
});

describe('a deed that fails', () => {
  it('costs those that share its transaction no other one', async () => {
    const { text } = await perform(usage, 'notes', hot);
    const { entry_id: entryId } = JSON.parse(text) as { entry_id: string }; // written by the service
    const { database } = service.deps;
    await database.pool.query(
      `update usage_entries set bookings = '[{"part": "?", "periodStart": 0, "units": 1}]'
       where id = $1`,
      [entryId],
    );
    const transactions = vi.spyOn(database, 'pipelinedTransaction');
    const reversal = usage.perform({
      ...{ projectId: 'notes', key: 'reversal' },
      deed: { kind: 'reverse', entryId, reason: 'a test' },
    });
    const others = siblings.map((user) => consume('notes', user));
    const results = await Promise.allSettled([reversal, ...others]);
    expect(results.map(({ status }) => status)).toEqual([
      'rejected',
      ...others.map(() => 'fulfilled'),
    ]);
    await expect(reversal).rejects.toThrow('is missing');
    expect(transactions).toHaveBeenCalledTimes(1);
    transactions.mockRestore();
  });
});

describe('changes of usage', () => {
  it('are counted by outcome', async () => {
    const outcomes = ['changed', 'denied', 'replayed', 'refused'];
    const count = () =>
      Promise.all(outcomes.map((outcome) => changes({ kind: 'consume', outcome })));
    const before = await count();
    await consume('notes', hot, { key: 'once' });
    await consume('notes', hot, { key: 'once' });
    await consume('notes', hot, { amount: 1_000_000 });
    await expect(consume('notes', hot, { key: 'once', amount: 2 })).rejects.toThrow();
    expect(await count()).toEqual(before.map((value) => value + 1));
  });
});
