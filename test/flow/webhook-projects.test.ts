import { describe, expect, it } from 'vitest';
import { putFeature } from '../helpers/two-projects.ts';
import { useDispatchers } from '../helpers/webhook-dispatchers.ts';

/* How the attempts that run at once are divided among projects and their endpoints. */

const on = useDispatchers();

describe('a project', () => {
  it('gets half of what is free, or four if that is more', async () => {
    for (let made = 0; made < 6; made += 1) {
      const { id } = await on.world.create({ url: on.fast.url });
      await on.world.fill(id, 10);
    }
    expect(await on.world.claim({ notes: 6, other: 4 }, 30)).toHaveLength(7); // (20 + 6) / 2 = 13, less 6
    await on.world.service.deps.database.pool.query(
      'update webhook_deliveries set leased_until = null',
    );
    expect(await on.world.claim({ other: 18 }, 20)).toHaveLength(2);
    await on.world.service.deps.database.pool.query(
      'update webhook_deliveries set leased_until = null',
    );
    expect(await on.world.claim({ other: 20 }, 20)).toEqual([]);
  });

  it('divides its share among its endpoints, so that a backlog of one leaves something for others', async () => {
    const endpoints = [];
    for (let made = 0; made < 4; made += 1)
      endpoints.push(await on.world.create({ url: on.fast.url }));
    for (const { id } of endpoints) await on.world.fill(id, 10);
    const claims = await on.world.claim({}, 8);
    expect(new Set(claims.map(({ endpointId }) => endpointId)).size).toBe(4);
  });

  it('whose endpoints hang leaves room for a third project beside another such one', async () => {
    const third = await on.world.service.createProject(
      `third_${Math.random().toString(36).slice(2)}`,
    );
    for (const key of [on.world.notes.key, on.world.other.key]) {
      for (let made = 0; made < 4; made += 1) {
        const { id } = await on.world.create({ url: on.hanging.url }, key);
        await on.world.fill(id, 10);
      }
    }
    on.start(12);
    await on.hanging.until(8);
    const quick = await on.world.create({ url: on.fast.url }, third.key);
    await on.world.fill(quick.id, 20);
    on.wake();
    await on.fast.until(20);
    // None of those that hang has ended to make room.
    expect([on.hanging.open.now, on.hanging.received.length]).toEqual([8, 8]);
  });

  it('with hundreds of messages to endpoints that hang does not delay the first attempt of another', async () => {
    const { world, hanging, fast } = on;
    // The most endpoints that a project may have.
    for (let made = 0; made < 50; made += 1) {
      const { id } = await world.create({ url: hanging.url });
      await world.fill(id, 10);
    }
    on.start();
    await hanging.until(100);
    const { other, service } = world;
    await putFeature(service, other.key, 'export', 'boolean');
    await world.create({ url: fast.url }, other.key);
    const about = { user_id: 'ann', feature_code: 'export', reason: 'a test' };
    await world.call('POST', '/admin/grant', about, other.key);
    await service.deps.feed.look();
    on.wake();
    await fast.until(1);
    expect(fast.received).toMatchObject([{ body: { data: { user_id: 'ann' } } }]);
    // None of those that hang has ended to make room.
    expect([hanging.open.now, hanging.received.length]).toEqual([100, 100]);
  });
});
