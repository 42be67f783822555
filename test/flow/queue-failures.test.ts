import { describe, expect, it } from 'vitest';
import { drawNumber, markFetched } from '../../src/webhook/fetch-numbers.ts';
import { loadQueueState } from '../../src/webhook/queue-state.ts';
import { maxAttempts, renewLeases } from '../../src/webhook/sync-queue.ts';
import { useQueue } from '../helpers/sync-queue.ts';

/* The effects of a failed attempt of the queue, and of a lease that ran out. */

const queue = useQueue();

describe('failure', () => {
  it('after its last attempt an object is failed, counted, and still tried when its time comes', async () => {
    await queue.tell('sub_1', 1);
    await queue.failUntil(1);
    expect(await loadQueueState(queue.service.deps.database)).toMatchObject({
      wanted: 1,
      failed: 0,
    });
    expect(await queue.fail(await queue.claimOne(), true, 3_600_000)).toBe(true);
    expect(await loadQueueState(queue.service.deps.database)).toEqual({
      wanted: 0,
      failed: 1,
      oldestWantedAt: null,
    });
    queue.service.clock.advance(3_599_999);
    expect(await queue.claim()).toEqual([]);
    queue.service.clock.advance(1);
    expect(await queue.fail(await queue.claimOne(), true, 3_600_000)).toBe(true);
    queue.service.clock.advance(3_600_000);
    // An outage meanwhile does not make it look well.
    expect(await queue.fail(await queue.claimOne(), false)).toBe(true);
  });

  it('a failed object gets all its attempts again by news', async () => {
    await queue.tell('sub_1', 1);
    await queue.failUntil(0);
    await queue.tell('sub_1', 1);
    expect(await queue.claimOne()).toMatchObject({ attempts: 1 });
    expect(await loadQueueState(queue.service.deps.database)).toMatchObject({
      wanted: 1,
      failed: 0,
    });
  });

  it('news that arrives during the last try is not failed with it', async () => {
    await queue.tell('sub_1', 1);
    await queue.failUntil(1);
    const last = await queue.claimOne();
    await queue.tell('sub_1', 1);
    // However long the next try would have been put off.
    expect(await queue.fail(last, true, 3_600_000)).toBe(false);
    queue.service.clock.advance(1_000);
    expect(await queue.claimOne()).toMatchObject({ attempts: 1 });
  });

  it('what does not count brings nothing nearer to failed', async () => {
    await queue.tell('sub_1', 1);
    for (let attempt = 0; attempt < 3 * maxAttempts; attempt += 1) {
      expect(await queue.fail(await queue.claimOne(), false)).toBe(false);
      queue.service.clock.advance(1_000);
    }
    expect(await queue.claimOne()).toMatchObject({ attempts: 1 });
  });

  it('news that a buyer waits for does not wait for the next try', async () => {
    await queue.tell('sub_1', 1);
    await queue.fail(await queue.claimOne(), true, 600_000);
    await queue.tell('sub_1', 1);
    expect(await queue.claim()).toEqual([]);
    await queue.tell('sub_1', 0);
    expect(await queue.claim()).toHaveLength(1);
  });

  it('a worker whose lease ran out leaves alone what another one holds', async () => {
    await queue.tell('sub_1', 1);
    const late = await queue.claimOne();
    queue.service.clock.advance(10_000);
    await queue.claimOne();
    expect(await queue.fail(late, true, 1)).toBe(false);
    queue.service.clock.advance(1_000);
    expect(await queue.claim()).toEqual([]);
  });

  it('a worker keeps what it holds for as long as its tries go on', async () => {
    await queue.tell('sub_1', 1);
    const slow = await queue.claimOne();
    for (let time = 0; time < 5; time += 1) {
      queue.service.clock.advance(9_000);
      await renewLeases(queue.service.deps.database, [slow], queue.service.clock.now());
      expect(await queue.claim()).toEqual([]);
    }
    expect(await queue.fail(slow)).toBe(false);
    const row = await queue.service.deps.database.prisma.followedObject.findFirstOrThrow();
    expect([row.lastError, row.leaseUntil]).toEqual(['no luck', null]);
  });

  it('a worker does not wait for transactions that write its objects, and keeps the rest', async () => {
    const { pool } = queue.service.deps.database;
    await queue.tell('sub_1', 1);
    await queue.tell('sub_2', 1);
    const held = await queue.claim();
    const before = held[0]?.leaseUntil;
    const writer = await pool.connect();
    try {
      await writer.query('begin');
      await writer.query(`select from followed_objects where object_id = 'sub_1' for update`);
      queue.service.clock.advance(1_000);
      await renewLeases(queue.service.deps.database, held, queue.service.clock.now());
    } finally {
      await writer.query('rollback');
      writer.release();
    }
    const leases = held.map(({ objectId, leaseUntil }) => [objectId, leaseUntil]).sort();
    expect(leases).toEqual([
      ['sub_1', before],
      ['sub_2', queue.service.clock.now() + 10_000],
    ]);
  });

  it('but what another one has taken it does not get back', async () => {
    await queue.tell('sub_1', 1);
    const late = await queue.claimOne();
    queue.service.clock.advance(10_000);
    const [other] = await queue.claim();
    await renewLeases(queue.service.deps.database, [late], queue.service.clock.now() + 5_000);
    const row = await queue.service.deps.database.prisma.followedObject.findFirstOrThrow();
    expect(row.leaseUntil?.getTime()).toBe(other?.leaseUntil);
  });

  it('nor does it write over what was fetched meanwhile', async () => {
    const { database } = queue.service.deps;
    await queue.tell('sub_1', 1);
    const late = await queue.claimOne();
    const number = await drawNumber(database);
    const fetched = { objectType: 'subscription', objectId: 'sub_1', outcome: 'applied' } as const;
    await database.transaction((tx) =>
      markFetched(tx, [fetched], number, queue.service.clock.now()),
    );
    expect(await queue.fail(late)).toBe(false);
    const row = await database.prisma.followedObject.findFirstOrThrow();
    expect([row.lastError, row.nextAttemptAt]).toEqual([null, null]);
  });
});
