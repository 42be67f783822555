import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
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

async function consume(
  projectId: string,
  userId: string,
  { amount = 1, key = `key_${(keys += 1)}` } = {},
): Promise<{ balance: number }> {
  const user = { projectId, userId };
  const answer = await usage.perform({
    ...{ projectId, key },
    deed: { kind: 'consume', user, featureCode: 'credits', amount, partial: false, metadata: null },
  });
  return JSON.parse(answer.text) as { balance: number }; // written by the service
}

/** Runs `work` while a transaction has a lock. `work` gets a function that ends the transaction. */
async function whileLocked(
  sql: string,
  work: (unlock: () => Promise<unknown>) => Promise<void>,
): Promise<void> {
  const client = await service.deps.database.pool.connect();
  try {
    await client.query(`begin; ${sql}`);
    await work(() => client.query('rollback'));
  } finally {
    await client.query('rollback');
    client.release();
  }
}

const lockHot = `select from usage_users where uid = (
  select uid from users where project_id = 'notes' and user_id = '${hot}') for update`;

async function waitForLocks(number: number): Promise<void> {
  await vi.waitUntil(async () => {
    const { rowCount } = await service.deps.database.pool.query(
      `select from pg_stat_activity
       where datname = current_database() and wait_event_type = 'Lock'`,
    );
    return rowCount === number;
  });
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
