import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { Started } from '../../src/dev/started.ts';
import { type DyingProcess, startDying } from '../helpers/dying-process.ts';
import { type MeterWorld, minute, startMeterWorld } from '../helpers/meter-world.ts';

/* Real processes that kill themselves (SIGKILL) while they report usage to Stripe, in real time. */

let world: MeterWorld;
let started: Started;

beforeAll(async () => {
  // By the real clock, as the processes.
  world = await startMeterWorld('all', Date.now());
});
beforeEach(() => {
  started = new Started();
});
afterEach(() => started.stop());
afterAll(() => world.shop.close());

function start(dieAt: string): Promise<DyingProcess> {
  return startDying({
    ...{ program: 'dying-meter-sender.ts', dieAt, started },
    databaseUrl: world.shop.service.deps.config.databaseUrl,
    environment: { STRIPE_API_BASE: world.shop.sandbox.url, RECONCILE_CRON: '' },
  });
}

describe.each(['claimed', 'begun', 'sent'])(
  'a process that is killed once an event is %s',
  (step) => {
    it('loses no usage, and another reports each unit once', { timeout: 120_000 }, async () => {
      const { pool } = world.shop.service.deps.database;
      const users = [`u_${step}_1`, `u_${step}_2`, `u_${step}_3`];
      const customers: string[] = [];
      for (const user of users) {
        customers.push((await world.subscribe(user)).customer);
        await world.app.consume(user, 4);
        await world.app.consume(user, 3);
      }
      // The minute of the usage ends.
      await pool.query(
        `update meter_events set next_attempt_at = now(), at = at - $1 * interval '1 ms'
       where status = 'pending'`,
        [minute],
      );
      const dying = await start(step);
      expect(await dying.ended).toBe('SIGKILL');
      // The leases of the killed process end.
      await pool.query(
        'update meter_events set leased_until = now() where leased_until is not null',
      );
      await start('never');
      await vi.waitFor(
        async () => {
          for (const user of users) expect(await world.statuses(user)).toEqual(['sent']);
        },
        { timeout: 60_000, interval: 100 },
      );
      expect(customers.map((each) => world.received(each).map(({ value }) => value))).toEqual([
        ...users.map(() => [7]),
      ]);
    });
  },
);
