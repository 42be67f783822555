import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeDailyReports } from '../../src/reporting/daily.ts';
import { measureStandings } from '../../src/reporting/schedule.ts';
import { readDayFigures } from '../../src/reporting/schemas.ts';
import { rowsOf } from '../helpers/lists.ts';
import { adminKey } from '../helpers/service.ts';
import { type Shop, startShop } from '../helpers/shop.ts';

/*
 * One of several instances writes a day when it is over; its changes are recomputed for a while. The gauges
 * follow.
 */

let shop: Shop;
const day = 86_400_000;
/** 2026-11-01, when the shop opens. */
let opened = 0;

beforeEach(async () => {
  shop = await startShop();
  opened = shop.service.clock.now();
});
afterEach(() => shop.close());

const write = (): Promise<number> => writeDailyReports(shop.service.deps);

/** Writes the day before an instant, as if no earlier day were missing. */
async function writeAsOf(now: number): Promise<void> {
  const { dailyReport } = shop.service.deps.database.prisma;
  const { figures, projectId } = await dailyReport.findFirstOrThrow();
  const before = {
    projectId,
    day: new Date(now - 2 * day),
    figures: readDayFigures(figures),
  };
  await dailyReport.create({ data: before });
  shop.service.clock.set(now);
  expect(await write()).toBe(1);
}

async function days(key = shop.key): Promise<unknown[]> {
  const to = new Date(opened + 30 * day).toISOString();
  const { status, body } = await shop.service.request('GET', `/metrics/daily?to=${to}`, { key });
  expect(status).toBe(200);
  return rowsOf(body, 'days');
}

async function sellOn(number: number, userId: string): Promise<void> {
  await shop.advanceTo(opened + number * day + 1_000);
  await shop.buy(userId, 'pro');
  await shop.settle();
}

describe('the daily reports', () => {
  it('are written when the day is over, and no sooner', async () => {
    await sellOn(0, 'ann');
    shop.service.clock.set(opened + day - 1);
    expect(await write()).toBe(0);
    shop.service.clock.set(opened + day);
    expect(await write()).toBe(1);
    expect(await days()).toMatchObject([
      {
        project_id: 'notes',
        day: '2026-11-01',
        measured_at: new Date(opened + day).toISOString(),
        subscriptions: { by_status: { active: 1 }, new: 1, churned: 0 },
        mrr: { usd: 1_000 },
        revenue: { usd: { gross: 1_000, net: 1_000 } },
        entitled_users: { export: 1 },
      },
    ]);
  });

  it('are written once, however many try at once, and stay as they are', async () => {
    await sellOn(0, 'ann');
    shop.service.clock.set(opened + day);
    const written = await Promise.all([write(), write(), write(), write()]);
    expect(written.reduce((sum, rows) => sum + rows)).toBe(1);
    const first = await days();
    await sellOn(1, 'bob');
    expect(await write()).toBe(0);
    expect(await days()).toEqual(first);
  });

  it('that lose their connection are written the next time, and the process lives on', async () => {
    await sellOn(0, 'ann');
    shop.service.clock.set(opened + day);
    const { pool } = shop.service.deps.database;
    const holder = `select pid from pg_locks where locktype = 'advisory' and granted
      and database = (select oid from pg_database where datname = current_database())`;
    const blocker = await pool.connect();
    try {
      await blocker.query('begin');
      await blocker.query('lock table daily_reports');
      const writing = write();
      writing.catch(() => undefined);
      for (let ended: number | null = 0; ended === 0;) {
        ({ rowCount: ended } = await pool.query(
          `select pg_terminate_backend(pid) from (${holder}) of_lock`,
        ));
      }
      while ((await pool.query(holder)).rowCount !== 0) continue;
      await blocker.query('rollback');
      await expect(writing).rejects.toThrow();
    } finally {
      blocker.release();
    }
    await write();
    expect(await days()).toHaveLength(1);
  });

  it('catch up: what happened on every missed day, what stands for the last one only', async () => {
    await sellOn(0, 'ann');
    await sellOn(2, 'bob');
    shop.service.clock.set(opened + 4 * day + 5_000);
    expect(await write()).toBe(4);
    const unknown = { by_status: null, by_product: null, by_price: null };
    expect(await days()).toMatchObject([
      { day: '2026-11-01', measured_at: null, subscriptions: { ...unknown, new: 1 }, mrr: null },
      { day: '2026-11-02', measured_at: null, revenue: {}, entitled_users: null },
      {
        day: '2026-11-03',
        subscriptions: { ...unknown, new: 1 },
        revenue: { usd: { gross: 1_000 } },
      },
      {
        day: '2026-11-04',
        subscriptions: { by_status: { active: 2 }, new: 0 },
        mrr: { usd: 2_000 },
      },
    ]);
    expect(await write()).toBe(0);
  });

  it('end between two days where the process stops, and go on the next time', async () => {
    shop.service.clock.set(opened + 5 * day);
    let left = 2;
    expect(await writeDailyReports(shop.service.deps, () => left-- === 0)).toBe(2);
    expect(await write()).toBe(3);
  });

  it('begin for each project on the day of its creation', async () => {
    shop.service.clock.set(opened + 2 * day);
    const late = await shop.service.createProject('late');
    shop.service.clock.set(opened + 4 * day);
    expect(await write()).toBe(6);
    expect(await days(late.key)).toMatchObject([
      { project_id: 'late', day: '2026-11-03' },
      { project_id: 'late', day: '2026-11-04' },
    ]);
    expect(await days(adminKey)).toMatchObject(
      ['notes 1', 'notes 2', 'late 3', 'notes 3', 'late 4', 'notes 4'].map((told) => {
        const [project_id, number = ''] = told.split(' ');
        return { project_id, day: `2026-11-0${number}` };
      }),
    );
  });

  it('recompute changes for 120 days as late events arrive; the recorded state stays', async () => {
    await shop.advanceTo(opened + 1_000);
    await shop.buy('ann', 'forever');
    await shop.settle();
    const charge = (await shop.chargeOf('ann')).id;
    const dispute = await shop.sandbox.billing.openDispute(charge);
    await shop.settle();
    shop.service.clock.set(opened + day);
    await write();
    const [first] = await days();
    expect(first).toMatchObject({ revenue: { usd: { gross: 1_000, disputed: 0, net: 1_000 } } });

    await shop.advanceTo(opened + 60 * day);
    await shop.sandbox.billing.closeDispute(dispute, 'lost');
    await shop.settle();
    await writeAsOf(opened + 60 * day);
    const lost = { gross: 1_000, refunded: 0, disputed: 1_000, net: 0 };
    const [retold] = await days();
    expect(retold).toEqual({ ...Object(first), revenue: { usd: lost } });

    // Nothing is recomputed until another day is over, nor anything older than that.
    await shop.service.deps.database.prisma.dispute.updateMany({ data: { status: 'won' } });
    expect(await write()).toBe(0);
    expect((await days())[0]).toEqual(retold);
    await writeAsOf(opened + 121 * day);
    expect((await days())[0]).toEqual(retold);
  });

  it('of more than 40 missed days, the oldest 40 first', async () => {
    shop.service.clock.set(opened + 60 * day);
    expect([await write(), await write(), await write()]).toEqual([40, 20, 0]);
  });
});

describe('the gauges', () => {
  const gauge = async (name: string): Promise<string[]> => {
    const text = await shop.service.deps.metrics.registry.metrics();
    return text.split('\n').filter((line) => line.startsWith(name));
  };

  it('show what every project stands at, and nothing that is not there any more', async () => {
    await sellOn(0, 'ann');
    await shop.service.createProject('other');
    await measureStandings(shop.service.deps);
    expect(await gauge('latchkey_active_subscriptions')).toEqual([
      'latchkey_active_subscriptions{project="notes"} 1',
      'latchkey_active_subscriptions{project="other"} 0',
    ]);
    expect(await gauge('latchkey_mrr_minor_units')).toEqual([
      'latchkey_mrr_minor_units{project="notes",currency="usd"} 1000',
    ]);
    const { id } = await shop.subscriptionOf('ann');
    await shop.sandbox.billing.cancelNow(id);
    await shop.settle();
    await measureStandings(shop.service.deps);
    expect(await gauge('latchkey_mrr_minor_units')).toEqual([]);
    expect(await gauge('latchkey_active_subscriptions')).toContain(
      'latchkey_active_subscriptions{project="notes"} 0',
    );
  });
});
