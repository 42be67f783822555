import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  inject,
  it,
  vi,
} from 'vitest';
import { freePort } from '../../src/dev/ports.ts';
import { adminKey, webhookSecret } from '../helpers/service.ts';
import { type MeterWorld, minute, startMeterWorld } from '../helpers/meter-world.ts';

/* Real processes that kill themselves (SIGKILL) while they report usage to Stripe, in real time. */

const program = path.resolve(import.meta.dirname, '../helpers/dying-meter-sender.ts');

let world: MeterWorld;
let processes: ChildProcess[];

beforeAll(async () => {
  // By the real clock, as the processes.
  world = await startMeterWorld('all', Date.now());
});
beforeEach(() => {
  processes = [];
});
afterEach(() => {
  for (const each of processes) each.kill('SIGKILL');
});
afterAll(() => world.shop.close());

async function start(dieAt: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [program], {
    env: {
      PATH: process.env['PATH'],
      DIE_AT: dieAt,
      PORT: String(await freePort()),
      HOST: '127.0.0.1',
      DATABASE_URL: world.shop.service.deps.config.databaseUrl,
      REDIS_URL: inject('redisUrl'),
      STRIPE_SECRET_KEY: 'sk_test_123',
      STRIPE_API_BASE: world.shop.sandbox.url,
      STRIPE_WEBHOOK_SECRETS: webhookSecret,
      ADMIN_API_KEY: adminKey,
      RECONCILE_CRON: '',
      LOG_LEVEL: 'silent',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  processes.push(child);
  return child;
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
      const [, signal] = (await once(dying, 'exit')) as [number | null, string | null];
      expect(signal).toBe('SIGKILL');
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
