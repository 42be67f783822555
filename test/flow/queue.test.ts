import { describe, expect, it } from 'vitest';
import { enqueueObjects } from '../../src/webhook/enqueue.ts';
import { useQueue } from '../helpers/sync-queue.ts';

/* When objects of the queue are claimed, and in which order. */

const queue = useQueue();

describe('what a caller fetches itself', () => {
  const object = { objectType: 'subscription', objectId: 'linked' } as const;
  const delayMs = 30_000;
  const hold = () =>
    queue.service.deps.database.transaction((tx) =>
      enqueueObjects(tx, [object], 1, queue.service.clock.now(), {
        claimableAt: queue.service.clock.now() + delayMs,
      }),
    );

  it('is left to it, and a worker takes it if it was not fetched', async () => {
    await hold();
    queue.service.clock.advance(delayMs - 1);
    expect(await queue.claim()).toEqual([]);
    queue.service.clock.advance(1);
    expect((await queue.claimOne()).objectId).toBe('linked');
  });

  it('is taken at once where a buyer comes to wait for it', async () => {
    await hold();
    await queue.tell('linked', 1);
    expect(await queue.claim()).toEqual([]);
    await queue.tell('linked', 0);
    expect((await queue.claimOne()).urgency).toBe(0);
  });

  it('is not held where a buyer waits for it already', async () => {
    await queue.tell('linked', 0);
    await hold();
    expect((await queue.claimOne()).urgency).toBe(0);
  });
});

describe('order', () => {
  it('projects take turns, what is of no known project among them', async () => {
    const { prisma } = queue.service.deps.database;
    for (const [projectId, ids] of [
      ['noisy', ['n_1', 'n_2', 'n_3', 'n_4']],
      ['quiet', ['q_1']],
    ] as const) {
      await queue.service.createProject(projectId);
      const taken = { projectId, active: true, takenAt: new Date(queue.service.clock.now()) };
      const data = ids.map((id) => ({ ...taken, id, name: id }));
      await prisma.product.createMany({ data });
    }
    for (const id of ['n_1', 'n_2', 'n_3', 'n_4', 'unknown', 'q_1']) {
      await queue.tell(id, 2, 'product');
      queue.service.clock.advance(1);
    }
    const order: [string, string | null][] = [];
    for (let count = 0; count < 6; count += 1) {
      const { objectId, projectId } = await queue.claimOne(1);
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
    const { database } = queue.service.deps;
    const many = Array.from({ length: 1_500 }, (_, count) => `crowd_${count}`);
    for (const [projectId, ids] of [
      ['crowded', many],
      ['calm', ['calm_1']],
    ] as const) {
      await queue.service.createProject(projectId);
      const taken = { projectId, active: true, takenAt: new Date(queue.service.clock.now()) };
      await database.prisma.product.createMany({
        data: ids.map((id) => ({ ...taken, id, name: id })),
      });
      const objects = ids.map((objectId) => ({ objectType: 'product' as const, objectId }));
      await database.transaction((tx) => enqueueObjects(tx, objects, 2, queue.service.clock.now()));
      queue.service.clock.advance(1);
    }
    const claims = await queue.claim('others', 0, 8);
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
      await queue.tell(id, urgency);
      queue.service.clock.advance(1);
    }
    const claimed: string[] = [];
    for (let turn = 0; turn < 4; turn += 1) {
      claimed.push(...(await queue.claim('all', 0, 1)).map(({ objectId }) => objectId));
    }
    expect(claimed).toEqual(['checkout', 'older', 'newer', 'renewal']);
  });

  it('what was tried in vain goes behind what was not', async () => {
    for (const id of ['hangs_1', 'hangs_2']) await queue.tell(id, 1);
    for (const each of await queue.claim()) await queue.fail(each, false, 1_000);
    queue.service.clock.advance(500);
    await queue.tell('fresh', 1);
    queue.service.clock.advance(500);
    expect((await queue.claim('all', 0, 1)).map(({ objectId }) => objectId)).toEqual(['fresh']);
  });

  it('a buyer finds a free hand where all others are busy', async () => {
    await queue.tell('renewal', 1);
    await queue.tell('checkout', 0);
    expect((await queue.claim('others')).map(({ objectId }) => objectId)).toEqual(['renewal']);
    expect((await queue.claim('buyers')).map(({ objectId }) => objectId)).toEqual(['checkout']);
  });

  it('news that a buyer waits for makes an object urgent that was not', async () => {
    await queue.tell('sub_1', 2);
    await queue.tell('sub_1', 0);
    expect(await queue.claim('buyers')).toHaveLength(1);
  });

  it('repeated news is one claim', async () => {
    for (let news = 0; news < 5; news += 1) await queue.tell('sub_1', 1);
    expect(await queue.claim()).toHaveLength(1);
  });
});

describe('quiet', () => {
  it('a background object is left until its events have paused for a moment', async () => {
    await queue.tell('sub_1', 1);
    queue.service.clock.advance(200);
    await queue.tell('sub_1', 1);
    queue.service.clock.advance(299);
    expect(await queue.claim('all', 300)).toEqual([]);
    queue.service.clock.advance(1);
    expect(await queue.claim('all', 300)).toHaveLength(1);
  });

  it('and never longer than ten of these moments, however many events arrive', async () => {
    for (let news = 0; news < 16; news += 1) {
      await queue.tell('sub_1', 1);
      if (news < 15) expect(await queue.claim('all', 300)).toEqual([]);
      queue.service.clock.advance(200);
    }
    await queue.tell('sub_1', 1);
    expect(await queue.claim('all', 300)).toHaveLength(1);
  });

  it('what a buyer waits for is taken at once', async () => {
    await queue.tell('cs_1', 0, 'checkout.session');
    expect(await queue.claim('all', 300)).toHaveLength(1);
  });
});
