import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { dispatchAll, type Dispatcher, startDispatcher } from '../../src/outbound/dispatcher.ts';
import { withoutPostgres } from '../helpers/outage.ts';
import { countWaitingLocks } from '../helpers/waiting-locks.ts';
import {
  answerWith,
  hang,
  startReceiver,
  type WebhookReceiver,
} from '../helpers/webhook-receiver.ts';
import { startWebhookWorld, type WebhookWorld } from '../helpers/webhook-world.ts';

/* How many attempts run at once: per endpoint, per project, and while something hangs or is away. */

const lines: string[] = [];
let world: WebhookWorld;
let hanging: WebhookReceiver;
let fast: WebhookReceiver;
let dispatchers: Dispatcher[];

beforeAll(async () => {
  world = await startWebhookWorld({ log: { write: (line: string) => void lines.push(line) } });
});
beforeEach(async () => {
  dispatchers = [];
  [hanging, fast] = await Promise.all([startReceiver(), startReceiver()]);
  hanging.answer = hang;
});
afterEach(async () => {
  await Promise.all(dispatchers.map((each) => each.stop()));
  await Promise.all([hanging.close(), fast.close()]);
  await world.service.deps.database.pool.query(
    'truncate webhook_deliveries; update webhook_endpoints set deleted_at = now()',
  );
});
afterAll(() => world.service.close());

/** Starts an instance's dispatcher, which looks for work at once. */
function dispatcher(max?: number): Dispatcher {
  const started = startDispatcher(world.service.deps, max);
  dispatchers.push(started);
  started.wake();
  return started;
}

async function statuses(): Promise<Record<string, number>> {
  const { rows } = await world.service.deps.database.pool.query<{ status: string; count: number }>(
    `select case when leased_until is null then status else 'leased' end as status, count(*)::int
     from webhook_deliveries group by 1`,
  );
  return Object.fromEntries(rows.map(({ status, count }) => [status, count]));
}

describe('an endpoint', () => {
  it('has at most four leased deliveries, however many instances claim at once, and none twice', async () => {
    const { id } = await world.create({ url: fast.url });
    await world.fill(id, 40);
    for (let round = 0; round < 15; round += 1) {
      const claims = (await Promise.all(Array.from({ length: 8 }, () => world.claim()))).flat();
      expect(claims).toHaveLength(4);
      expect(new Set(claims.map((claim) => claim.id)).size).toBe(4);
      await world.service.deps.database.pool.query(
        'update webhook_deliveries set leased_until = null',
      );
    }
  });

  it('has at most four attempts at a time over two instances, and gets every message', async () => {
    const { id } = await world.create({ url: hanging.url });
    await world.fill(id, 30);
    dispatcher();
    dispatcher();
    await hanging.until(4);
    expect(await statuses()).toEqual({ leased: 4, pending: 26 });
    hanging.answer = answerWith(200);
    // The four that hang end with their leases; here their connections end, and they are tried again.
    hanging.reset();
    world.service.clock.advance(5_000);
    await vi.waitFor(async () => {
      world.service.clock.advance(5_000);
      for (const each of dispatchers) each.wake();
      expect(await statuses()).toEqual({ delivered: 30 });
    }, 20_000);
    expect(hanging.open.most).toBeLessThanOrEqual(4);
    const ids = new Set(hanging.received.map(({ headers }) => headers['webhook-id']));
    expect(ids.size).toBe(30);
  });

  it('counts the leases of a claim that commits in between, also of a message that it alone sees', async () => {
    const { id } = await world.create({ url: fast.url });
    await world.fill(id, 8);
    const { pool } = world.service.deps.database;
    const other = await pool.connect();
    try {
      await other.query('begin');
      // Older than what the other instance sees, so that both would choose differently.
      await other.query(
        `insert into webhook_deliveries (id, endpoint_id, message_id, type, uid, data, created_at, next_attempt_at)
         select 'whd_oldest', endpoint_id, 'msg_oldest', type, uid, data, created_at, created_at - interval '1 s'
         from webhook_deliveries limit 1`,
      );
      const now = world.service.clock.now();
      const claimed = await other.query('select * from claim_deliveries($1, $2, 4, 200, $3)', [
        ...[new Date(now), new Date(now + 30_000), '{}'],
      ]);
      expect(claimed.rows).toHaveLength(4);
      const waiting = world.claim();
      await vi.waitFor(async () => {
        expect(await countWaitingLocks(world.service.deps.database)).toBe(1);
      });
      await other.query('commit');
      expect(await waiting).toEqual([]);
    } finally {
      other.release();
    }
  });

  it('with more leases than that is left alone: nothing fails', async () => {
    const full = await world.create({ url: fast.url });
    const free = await world.create({ url: fast.url });
    await world.fill(full.id, 8);
    await world.fill(free.id, 1);
    await world.service.deps.database.pool.query(
      `update webhook_deliveries set leased_until = $2 where id in (
         select id from webhook_deliveries where endpoint_id = $1 limit 6)`,
      [full.id, new Date(world.service.clock.now() + 10_000)],
    );
    expect((await world.claim()).map(({ endpointId }) => endpointId)).toEqual([free.id]);
  });

  it('that hangs delays no other', async () => {
    const slow = await world.create({ url: hanging.url });
    const quick = await world.create({ url: fast.url });
    await world.fill(slow.id, 30);
    dispatcher();
    await hanging.until(4);
    await world.fill(quick.id, 30);
    dispatchers[0]?.wake();
    await fast.until(30);
    expect(hanging.open.now).toBe(4);
  });

  it('gets the oldest first, and an expired lease does not keep a delivery back', async () => {
    const { id } = await world.create({ url: fast.url });
    await world.fill(id, 2);
    world.service.clock.advance(1);
    await world.fill(id, 8, 'later');
    const first = await world.claim({}, 2);
    expect(first.every((claim) => !claim.id.includes('later'))).toBe(true);
    expect(await world.claim()).toHaveLength(2);
    expect(await world.claim()).toEqual([]);
    world.service.clock.advance(30_000);
    const again = await world.claim();
    expect(again).toHaveLength(4);
    expect(again.map((claim) => claim.id)).toEqual(
      expect.arrayContaining(first.map((claim) => claim.id)),
    );
  });

  it('gets no attempt that could outlive its lease, since another would run beside it', async () => {
    const { id } = await world.create({ url: fast.url });
    await world.fill(id, 1);
    const { deps, clock } = world.service;
    let reads = 0;
    const slow = {
      ...deps.cache,
      read: (...asked: Parameters<typeof deps.cache.read>) => {
        if ((reads += 1) === 1) clock.advance(15_001);
        return deps.cache.read(...asked);
      },
    };
    await dispatchAll({ ...deps, cache: slow });
    expect([reads, fast.received.length]).toEqual([2, 1]);
    expect(await world.deliveries(id)).toMatchObject([{ attempts: [{ status: 200 }] }]);
  });

  it('that is disabled or deleted gets nothing', async () => {
    for (const change of ['disable', 'delete'] as const) {
      const { id } = await world.create({ url: fast.url });
      await world.fill(id, 1);
      const path = `/admin/webhook-endpoints/${id}`;
      if (change === 'disable') await world.call('PATCH', path, { status: 'disabled' });
      else await world.call('DELETE', path);
      expect(await world.claim()).toEqual([]);
    }
  });
});

describe('a project', () => {
  it('gets half of what is free, or four if that is more', async () => {
    for (let made = 0; made < 6; made += 1) {
      const { id } = await world.create({ url: fast.url });
      await world.fill(id, 10);
    }
    expect(await world.claim({ notes: 6, other: 4 }, 30)).toHaveLength(7); // (20 + 6) / 2 = 13, less 6
    await world.service.deps.database.pool.query(
      'update webhook_deliveries set leased_until = null',
    );
    expect(await world.claim({ other: 18 }, 20)).toHaveLength(2);
    await world.service.deps.database.pool.query(
      'update webhook_deliveries set leased_until = null',
    );
    expect(await world.claim({ other: 20 }, 20)).toEqual([]);
  });

  it('divides its share among its endpoints, so that a backlog of one leaves something for others', async () => {
    const endpoints = [];
    for (let made = 0; made < 4; made += 1) endpoints.push(await world.create({ url: fast.url }));
    for (const { id } of endpoints) await world.fill(id, 10);
    const claims = await world.claim({}, 8);
    expect(new Set(claims.map(({ endpointId }) => endpointId)).size).toBe(4);
  });

  it('whose endpoints hang leaves room for a third project beside another such one', async () => {
    const third = await world.service.createProject(`third_${Math.random().toString(36).slice(2)}`);
    for (const key of [world.notes.key, world.other.key]) {
      for (let made = 0; made < 4; made += 1) {
        const { id } = await world.create({ url: hanging.url }, key);
        await world.fill(id, 10);
      }
    }
    dispatcher(12);
    await hanging.until(8);
    const quick = await world.create({ url: fast.url }, third.key);
    await world.fill(quick.id, 20);
    dispatchers[0]?.wake();
    await fast.until(20);
    // None of those that hang has ended to make room.
    expect([hanging.open.now, hanging.received.length]).toEqual([8, 8]);
  });
});

describe('a process that stops', () => {
  it('ends attempts that hang and releases their leases, so that others continue at once', async () => {
    const keys = [world.notes.key, world.other.key];
    for (const key of keys) {
      for (let made = 0; made < 25; made += 1) {
        const { id } = await world.create({ url: hanging.url }, key);
        await world.fill(id, 5);
      }
    }
    const running = dispatcher();
    await hanging.until(100);
    await running.stop();
    expect(await statuses()).toEqual({ pending: 250 });
    expect(await world.claim({}, 400)).not.toEqual([]);
  }, 30_000);
});

describe('while Postgres is away', () => {
  it('a dispatcher logs it once, and sends what is due afterwards', async () => {
    const { id } = await world.create({ url: fast.url });
    await world.fill(id, 3);
    lines.length = 0;
    const reports = (): number =>
      lines.filter((line) => line.includes('webhooks could not be')).length;
    await withoutPostgres(world.service.deps.database, async () => {
      const running = dispatcher();
      await vi.waitFor(() => {
        expect(reports()).toBe(2);
      }, 10_000);
      for (let round = 0; round < 20; round += 1) {
        running.wake();
        await new Promise((resolve) => setImmediate(resolve));
      }
    });
    dispatchers[0]?.wake();
    await fast.until(3);
    expect(reports()).toBe(2);
  });

  it('a result that cannot be recorded is sent again after the lease, and logged once', async () => {
    const { id } = await world.create({ url: fast.url });
    await world.fill(id, 4);
    lines.length = 0;
    const { database } = world.service.deps;
    fast.answer = (response) => {
      void withoutPostgres(database, async () => {
        response.writeHead(200).end();
        await vi.waitFor(() => {
          expect(lines.join('')).toContain('could not be attempted or recorded');
        });
      });
    };
    await world.dispatch().catch(() => undefined);
    fast.answer = answerWith(200);
    world.service.clock.advance(30_000);
    await vi.waitFor(async () => {
      await world.dispatch();
      expect(await statuses()).toEqual({ delivered: 4 });
    });
    expect(fast.received.length).toBeGreaterThan(4);
    expect(lines.filter((line) => line.includes('could not be attempted'))).toHaveLength(1);
  });
});
