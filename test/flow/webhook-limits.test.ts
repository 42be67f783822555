import { describe, expect, it, vi } from 'vitest';
import { dispatchAll } from '../../src/outbound/dispatcher.ts';
import { withoutPostgres } from '../helpers/outage.ts';
import { countWaitingLocks } from '../helpers/waiting-locks.ts';
import { useDispatchers } from '../helpers/webhook-dispatchers.ts';
import { answerWith } from '../helpers/webhook-receiver.ts';

/* How many attempts run at once per endpoint, and while something hangs or is away. */

const lines: string[] = [];
const on = useDispatchers({ log: { write: (line: string) => void lines.push(line) } });

async function statuses(): Promise<Record<string, number>> {
  const { rows } = await on.world.service.deps.database.pool.query<{
    status: string;
    count: number;
  }>(
    `select case when leased_until is null then status else 'leased' end as status, count(*)::int
     from webhook_deliveries group by 1`,
  );
  return Object.fromEntries(rows.map(({ status, count }) => [status, count]));
}

describe('an endpoint', () => {
  it('has at most four leased deliveries, however many instances claim at once, and none twice', async () => {
    const { id } = await on.world.create({ url: on.fast.url });
    await on.world.fill(id, 40);
    for (let round = 0; round < 15; round += 1) {
      const claims = (await Promise.all(Array.from({ length: 8 }, () => on.world.claim()))).flat();
      expect(claims).toHaveLength(4);
      expect(new Set(claims.map((claim) => claim.id)).size).toBe(4);
      await on.world.service.deps.database.pool.query(
        'update webhook_deliveries set leased_until = null',
      );
    }
  });

  it('has at most four attempts at a time over two instances, and gets every message', async () => {
    const { id } = await on.world.create({ url: on.hanging.url });
    await on.world.fill(id, 30);
    on.start();
    on.start();
    await on.hanging.until(4);
    expect(await statuses()).toEqual({ leased: 4, pending: 26 });
    on.hanging.answer = answerWith(200);
    // The four that hang end with their leases; here their connections end, and they are tried again.
    on.hanging.reset();
    on.world.service.clock.advance(5_000);
    await vi.waitFor(async () => {
      on.world.service.clock.advance(5_000);
      on.wake();
      expect(await statuses()).toEqual({ delivered: 30 });
    }, 20_000);
    expect(on.hanging.open.most).toBeLessThanOrEqual(4);
    const ids = new Set(on.hanging.received.map(({ headers }) => headers['webhook-id']));
    expect(ids.size).toBe(30);
  });

  it('counts the leases of a claim that commits in between, also of a message that it alone sees', async () => {
    const { id } = await on.world.create({ url: on.fast.url });
    await on.world.fill(id, 8);
    const { pool } = on.world.service.deps.database;
    const other = await pool.connect();
    try {
      await other.query('begin');
      // Older than what the other instance sees, so that both would choose differently.
      await other.query(
        `insert into webhook_deliveries (id, endpoint_id, message_id, type, uid, data, created_at, next_attempt_at)
         select 'whd_oldest', endpoint_id, 'msg_oldest', type, uid, data, created_at, created_at - interval '1 s'
         from webhook_deliveries limit 1`,
      );
      const now = on.world.service.clock.now();
      const claimed = await other.query('select * from claim_deliveries($1, $2, 4, 200, $3)', [
        ...[new Date(now), new Date(now + 30_000), '{}'],
      ]);
      expect(claimed.rows).toHaveLength(4);
      const waiting = on.world.claim();
      await vi.waitFor(async () => {
        expect(await countWaitingLocks(on.world.service.deps.database)).toBe(1);
      });
      await other.query('commit');
      expect(await waiting).toEqual([]);
    } finally {
      other.release();
    }
  });

  it('with more leases than that is left alone: nothing fails', async () => {
    const full = await on.world.create({ url: on.fast.url });
    const free = await on.world.create({ url: on.fast.url });
    await on.world.fill(full.id, 8);
    await on.world.fill(free.id, 1);
    await on.world.service.deps.database.pool.query(
      `update webhook_deliveries set leased_until = $2 where id in (
         select id from webhook_deliveries where endpoint_id = $1 limit 6)`,
      [full.id, new Date(on.world.service.clock.now() + 10_000)],
    );
    expect((await on.world.claim()).map(({ endpointId }) => endpointId)).toEqual([free.id]);
  });

  it('that hangs delays no other', async () => {
    const slow = await on.world.create({ url: on.hanging.url });
    const quick = await on.world.create({ url: on.fast.url });
    await on.world.fill(slow.id, 30);
    on.start();
    await on.hanging.until(4);
    await on.world.fill(quick.id, 30);
    on.wake();
    await on.fast.until(30);
    expect(on.hanging.open.now).toBe(4);
  });

  it('gets the oldest first, and an expired lease does not keep a delivery back', async () => {
    const { id } = await on.world.create({ url: on.fast.url });
    await on.world.fill(id, 2);
    on.world.service.clock.advance(1);
    await on.world.fill(id, 8, 'later');
    const first = await on.world.claim({}, 2);
    expect(first.every((claim) => !claim.id.includes('later'))).toBe(true);
    expect(await on.world.claim()).toHaveLength(2);
    expect(await on.world.claim()).toEqual([]);
    on.world.service.clock.advance(30_000);
    const again = await on.world.claim();
    expect(again).toHaveLength(4);
    expect(again.map((claim) => claim.id)).toEqual(
      expect.arrayContaining(first.map((claim) => claim.id)),
    );
  });

  it('gets no attempt that could outlive its lease, since another would run beside it', async () => {
    const { id } = await on.world.create({ url: on.fast.url });
    await on.world.fill(id, 1);
    const { deps, clock } = on.world.service;
    let reads = 0;
    const slow = {
      ...deps.cache,
      read: (...asked: Parameters<typeof deps.cache.read>) => {
        if ((reads += 1) === 1) clock.advance(15_001);
        return deps.cache.read(...asked);
      },
    };
    await dispatchAll({ ...deps, cache: slow });
    expect([reads, on.fast.received.length]).toEqual([2, 1]);
    expect(await on.world.deliveries(id)).toMatchObject([{ attempts: [{ status: 200 }] }]);
  });

  it('that is disabled or deleted gets nothing', async () => {
    for (const change of ['disable', 'delete'] as const) {
      const { id } = await on.world.create({ url: on.fast.url });
      await on.world.fill(id, 1);
      const path = `/admin/webhook-endpoints/${id}`;
      if (change === 'disable') await on.world.call('PATCH', path, { status: 'disabled' });
      else await on.world.call('DELETE', path);
      expect(await on.world.claim()).toEqual([]);
    }
  });
});

describe('a process that stops', () => {
  it('ends attempts that hang and releases their leases, so that others continue at once', async () => {
    const keys = [on.world.notes.key, on.world.other.key];
    for (const key of keys) {
      for (let made = 0; made < 25; made += 1) {
        const { id } = await on.world.create({ url: on.hanging.url }, key);
        await on.world.fill(id, 5);
      }
    }
    const running = on.start();
    await on.hanging.until(100);
    await running.stop();
    expect(await statuses()).toEqual({ pending: 250 });
    expect(await on.world.claim({}, 400)).not.toEqual([]);
  }, 30_000);
});

describe('while Postgres is away', () => {
  it('a dispatcher logs it once, and sends what is due afterwards', async () => {
    const { id } = await on.world.create({ url: on.fast.url });
    await on.world.fill(id, 3);
    lines.length = 0;
    const reports = (): number =>
      lines.filter((line) => line.includes('webhooks could not be')).length;
    await withoutPostgres(on.world.service.deps.database, async () => {
      const running = on.start();
      await vi.waitFor(() => {
        expect(reports()).toBe(2);
      }, 10_000);
      for (let round = 0; round < 20; round += 1) {
        running.wake();
        await new Promise((resolve) => setImmediate(resolve));
      }
    });
    on.wake();
    await on.fast.until(3);
    expect(reports()).toBe(2);
  });

  it('a result that cannot be recorded is sent again after the lease, and logged once', async () => {
    const { id } = await on.world.create({ url: on.fast.url });
    await on.world.fill(id, 4);
    lines.length = 0;
    const { database } = on.world.service.deps;
    on.fast.answer = (response) => {
      void withoutPostgres(database, async () => {
        response.writeHead(200).end();
        await vi.waitFor(() => {
          expect(lines.join('')).toContain('could not be attempted or recorded');
        });
      });
    };
    await on.world.dispatch().catch(() => undefined);
    on.fast.answer = answerWith(200);
    on.world.service.clock.advance(30_000);
    await vi.waitFor(async () => {
      await on.world.dispatch();
      expect(await statuses()).toEqual({ delivered: 4 });
    });
    expect(on.fast.received.length).toBeGreaterThan(4);
    expect(lines.filter((line) => line.includes('could not be attempted'))).toHaveLength(1);
  });
});
