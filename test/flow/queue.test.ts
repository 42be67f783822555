import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { SyncedType, Urgency } from '../../src/webhook/core/events.ts';
import { enqueueObjects } from '../../src/webhook/enqueue.ts';
import { drawNumber, markFetched } from '../../src/webhook/fetch-numbers.ts';
import { createInbox } from '../../src/webhook/inbox.ts';
import { loadQueueState } from '../../src/webhook/queue-state.ts';
import {
  type Claim,
  claimQueued,
  maxAttempts,
  recordFailure,
  renewLeases,
} from '../../src/webhook/sync-queue.ts';
import { startTestService, type TestService } from '../helpers/service.ts';

/* The queue alone: when objects are claimed, and the effects of a failed attempt. Without Stripe. */

let service: TestService;
let told = 0;

beforeAll(async () => {
  service = await startTestService();
});
afterAll(() => service.close());
beforeEach(async () => {
  await service.deps.database.pool.query('delete from followed_objects');
});

/** News of an object arrives. */
async function tell(
  objectId: string,
  urgency: Urgency,
  objectType: SyncedType = 'subscription',
): Promise<void> {
  told += 1;
  const event = {
    id: `evt_${told}`,
    object: 'event' as const,
    type: 'of_the_test',
    created: 1,
    livemode: false,
    data: { object: {} },
  };
  const objects = [{ objectType, objectId }];
  await createInbox(service.deps).store(event, Buffer.from('{}'), {
    outcome: 'accepted',
    objects,
    urgency,
  });
}

function claim(of: 'buyers' | 'others' | 'all' = 'all', quietMs = 0, limit = 100) {
  return claimQueued(service.deps.database, service.clock.now(), { limit, of, quietMs });
}

async function claimOne(limit?: number): Promise<Claim> {
  const [one, ...more] = await claim('all', 0, limit);
  if (one === undefined || more.length > 0) throw new Error('expected one claim');
  return one;
}

function fail(claim: Claim, counts = true, retryMs = 1_000): Promise<boolean> {
  const failure = { counts, retryMs, error: 'no luck' };
  return recordFailure(service.deps.database, claim, failure, service.clock.now());
}

/** Fails as often as it takes but `spare` times. */
async function failUntil(spare: number): Promise<void> {
  for (let attempt = 0; attempt < maxAttempts - spare; attempt += 1) {
    await fail(await claimOne());
    service.clock.advance(1_000);
  }
}

describe('what a caller fetches itself', () => {
  const object = { objectType: 'subscription', objectId: 'linked' } as const;
  const delayMs = 30_000;
  const hold = () =>
    service.deps.database.transaction((tx) =>
      enqueueObjects(tx, [object], 1, service.clock.now(), {
        claimableAt: service.clock.now() + delayMs,
      }),
    );

  it('is left to it, and a worker takes it if it was not fetched', async () => {
    await hold();
    service.clock.advance(delayMs - 1);
    expect(await claim()).toEqual([]);
    service.clock.advance(1);
    expect((await claimOne()).objectId).toBe('linked');
  });

  it('is taken at once where a buyer comes to wait for it', async () => {
    await hold();
    await tell('linked', 1);
    expect(await claim()).toEqual([]);
    await tell('linked', 0);
    expect((await claimOne()).urgency).toBe(0);
  });

  it('is not held where a buyer waits for it already', async () => {
    await tell('linked', 0);
    await hold();
    expect((await claimOne()).urgency).toBe(0);
  });
});

describe('order', () => {
  it('projects take turns, what is of no known project among them', async () => {
    const { prisma } = service.deps.database;
    for (const [projectId, ids] of [
      ['noisy', ['n_1', 'n_2', 'n_3', 'n_4']],
      ['quiet', ['q_1']],
    ] as const) {
      await service.createProject(projectId);
      const taken = { projectId, active: true, takenAt: new Date(service.clock.now()) };
      const data = ids.map((id) => ({ ...taken, id, name: id }));
      await prisma.product.createMany({ data });
    }
    for (const id of ['n_1', 'n_2', 'n_3', 'n_4', 'unknown', 'q_1']) {
      await tell(id, 2, 'product');
      service.clock.advance(1);
    }
    const order: [string, string | null][] = [];
    for (let count = 0; count < 6; count += 1) {
      const { objectId, projectId } = await claimOne(1);
      order.push([objectId, projectId]);
    }
    expect(order).toEqual([
      ['n_1', 'noisy'],
      ['unknown', null],
      ['q_1', 'quiet'],
      ['n_2', 'noisy'],
      ['n_3', 'noisy'],
      ['n_4', 'noisy'],
    ]);
  });

  it('a project with thousands of older wanted objects hides none of another project', async () => {
    const { database } = service.deps;
    const many = Array.from({ length: 1_500 }, (_, count) => `crowd_${count}`);
    for (const [projectId, ids] of [
      ['crowded', many],
      ['calm', ['calm_1']],
    ] as const) {
      await service.createProject(projectId);
      const taken = { projectId, active: true, takenAt: new Date(service.clock.now()) };
      await database.prisma.product.createMany({
        data: ids.map((id) => ({ ...taken, id, name: id })),
      });
      const objects = ids.map((objectId) => ({ objectType: 'product' as const, objectId }));
      await database.transaction((tx) => enqueueObjects(tx, objects, 2, service.clock.now()));
      service.clock.advance(1);
    }
    const claims = await claim('others', 0, 8);
    expect(claims.map(({ projectId }) => projectId).sort()).toEqual([
      'calm',
      ...Array.from({ length: 7 }, () => 'crowded'),
    ]);
  });

  it('what a buyer waits for goes first, then the oldest', async () => {
    for (const [id, urgency] of [
      ['renewal', 2],
      ['older', 1],
      ['newer', 1],
      ['checkout', 0],
    ] as const) {
      await tell(id, urgency);
      service.clock.advance(1);
    }
    const claimed: string[] = [];
    for (let turn = 0; turn < 4; turn += 1) {
      claimed.push(...(await claim('all', 0, 1)).map(({ objectId }) => objectId));
    }
    expect(claimed).toEqual(['checkout', 'older', 'newer', 'renewal']);
  });

  it('what was tried in vain goes behind what was not', async () => {
    for (const id of ['hangs_1', 'hangs_2']) await tell(id, 1);
    for (const each of await claim()) await fail(each, false, 1_000);
    service.clock.advance(500);
    await tell('fresh', 1);
    service.clock.advance(500);
    expect((await claim('all', 0, 1)).map(({ objectId }) => objectId)).toEqual(['fresh']);
  });

  it('a buyer finds a free hand where all others are busy', async () => {
    await tell('renewal', 1);
    await tell('checkout', 0);
    expect((await claim('others')).map(({ objectId }) => objectId)).toEqual(['renewal']);
    expect((await claim('buyers')).map(({ objectId }) => objectId)).toEqual(['checkout']);
  });

  it('news that a buyer waits for makes an object urgent that was not', async () => {
    await tell('sub_1', 2);
    await tell('sub_1', 0);
    expect(await claim('buyers')).toHaveLength(1);
  });

  it('repeated news is one claim', async () => {
    for (let news = 0; news < 5; news += 1) await tell('sub_1', 1);
    expect(await claim()).toHaveLength(1);
  });
});

describe('quiet', () => {
  it('a background object is left until its events have paused for a moment', async () => {
    await tell('sub_1', 1);
    service.clock.advance(200);
    await tell('sub_1', 1);
    service.clock.advance(299);
    expect(await claim('all', 300)).toEqual([]);
    service.clock.advance(1);
    expect(await claim('all', 300)).toHaveLength(1);
  });

  it('and never longer than ten of these moments, however many events arrive', async () => {
    for (let news = 0; news < 16; news += 1) {
      await tell('sub_1', 1);
      if (news < 15) expect(await claim('all', 300)).toEqual([]);
      service.clock.advance(200);
    }
    await tell('sub_1', 1);
    expect(await claim('all', 300)).toHaveLength(1);
  });

  it('what a buyer waits for is taken at once', async () => {
    await tell('cs_1', 0, 'checkout.session');
    expect(await claim('all', 300)).toHaveLength(1);
  });
});

describe('failure', () => {
  it('after its last attempt an object is failed, counted, and still tried when its time comes', async () => {
    await tell('sub_1', 1);
    await failUntil(1);
    expect(await loadQueueState(service.deps.database)).toMatchObject({ wanted: 1, failed: 0 });
    expect(await fail(await claimOne(), true, 3_600_000)).toBe(true);
    expect(await loadQueueState(service.deps.database)).toEqual({
      wanted: 0,
      failed: 1,
      oldestWantedAt: null,
    });
    service.clock.advance(3_599_999);
    expect(await claim()).toEqual([]);
    service.clock.advance(1);
    expect(await fail(await claimOne(), true, 3_600_000)).toBe(true);
    service.clock.advance(3_600_000);
    // An outage meanwhile does not make it look well.
    expect(await fail(await claimOne(), false)).toBe(true);
  });

  it('a failed object gets all its attempts again by news', async () => {
    await tell('sub_1', 1);
    await failUntil(0);
    await tell('sub_1', 1);
    expect(await claimOne()).toMatchObject({ attempts: 1 });
    expect(await loadQueueState(service.deps.database)).toMatchObject({ wanted: 1, failed: 0 });
  });

  it('news that arrives during the last try is not failed with it', async () => {
    await tell('sub_1', 1);
    await failUntil(1);
    const last = await claimOne();
    await tell('sub_1', 1);
    // However long the next try would have been put off.
    expect(await fail(last, true, 3_600_000)).toBe(false);
    service.clock.advance(1_000);
    expect(await claimOne()).toMatchObject({ attempts: 1 });
  });

  it('what does not count brings nothing nearer to failed', async () => {
    await tell('sub_1', 1);
    for (let attempt = 0; attempt < 3 * maxAttempts; attempt += 1) {
      expect(await fail(await claimOne(), false)).toBe(false);
      service.clock.advance(1_000);
    }
    expect(await claimOne()).toMatchObject({ attempts: 1 });
  });

  it('news that a buyer waits for does not wait for the next try', async () => {
    await tell('sub_1', 1);
    await fail(await claimOne(), true, 600_000);
    await tell('sub_1', 1);
    expect(await claim()).toEqual([]);
    await tell('sub_1', 0);
    expect(await claim()).toHaveLength(1);
  });

  it('a worker whose lease ran out leaves alone what another one holds', async () => {
    await tell('sub_1', 1);
    const late = await claimOne();
    service.clock.advance(10_000);
    await claimOne();
    expect(await fail(late, true, 1)).toBe(false);
    service.clock.advance(1_000);
    expect(await claim()).toEqual([]);
  });

  it('a worker keeps what it holds for as long as its tries go on', async () => {
    await tell('sub_1', 1);
    const slow = await claimOne();
    for (let time = 0; time < 5; time += 1) {
      service.clock.advance(9_000);
      await renewLeases(service.deps.database, [slow], service.clock.now());
      expect(await claim()).toEqual([]);
    }
    expect(await fail(slow)).toBe(false);
    const row = await service.deps.database.prisma.followedObject.findFirstOrThrow();
    expect([row.lastError, row.leaseUntil]).toEqual(['no luck', null]);
  });

  it('a worker does not wait for transactions that write its objects, and keeps the rest', async () => {
    const { pool } = service.deps.database;
    await tell('sub_1', 1);
    await tell('sub_2', 1);
    const held = await claim();
    const before = held[0]?.leaseUntil;
    const writer = await pool.connect();
    try {
      await writer.query('begin');
      await writer.query(`select from followed_objects where object_id = 'sub_1' for update`);
      service.clock.advance(1_000);
      await renewLeases(service.deps.database, held, service.clock.now());
    } finally {
      await writer.query('rollback');
      writer.release();
    }
    const leases = held.map(({ objectId, leaseUntil }) => [objectId, leaseUntil]).sort();
    expect(leases).toEqual([
      ['sub_1', before],
      ['sub_2', service.clock.now() + 10_000],
    ]);
  });

  it('but what another one has taken it does not get back', async () => {
    await tell('sub_1', 1);
    const late = await claimOne();
    service.clock.advance(10_000);
    const [other] = await claim();
    await renewLeases(service.deps.database, [late], service.clock.now() + 5_000);
    const row = await service.deps.database.prisma.followedObject.findFirstOrThrow();
    expect(row.leaseUntil?.getTime()).toBe(other?.leaseUntil);
  });

  it('nor does it write over what was fetched meanwhile', async () => {
    const { database } = service.deps;
    await tell('sub_1', 1);
    const late = await claimOne();
    const number = await drawNumber(database);
    const fetched = { objectType: 'subscription', objectId: 'sub_1', outcome: 'applied' } as const;
    await database.transaction((tx) => markFetched(tx, [fetched], number, service.clock.now()));
    expect(await fail(late)).toBe(false);
    const row = await database.prisma.followedObject.findFirstOrThrow();
    expect([row.lastError, row.nextAttemptAt]).toEqual([null, null]);
  });
});
