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
import { startReceiver, type WebhookReceiver } from '../helpers/webhook-receiver.ts';
import { adminKey, webhookSecret } from '../helpers/service.ts';
import { startWebhookWorld, type WebhookWorld } from '../helpers/webhook-world.ts';

/* Real processes that kill themselves (SIGKILL) in the middle of a webhook, in real time. */

const program = path.resolve(import.meta.dirname, '../helpers/dying-dispatcher.ts');

let world: WebhookWorld;
let receiver: WebhookReceiver;
let processes: ChildProcess[];

beforeAll(async () => {
  // By the real clock, as the processes.
  world = await startWebhookWorld({ now: Date.now() });
});
beforeEach(async () => {
  receiver = await startReceiver();
  processes = [];
});
afterEach(async () => {
  for (const each of processes) each.kill('SIGKILL');
  await receiver.close();
});
afterAll(() => world.service.close());

async function start(dieAt: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [program], {
    env: {
      PATH: process.env['PATH'],
      DIE_AT: dieAt,
      PORT: String(await freePort()),
      HOST: '127.0.0.1',
      DATABASE_URL: world.service.deps.config.databaseUrl,
      REDIS_URL: inject('redisUrl'),
      STRIPE_SECRET_KEY: 'sk_test_123',
      STRIPE_API_BASE: 'http://127.0.0.1:9',
      STRIPE_WEBHOOK_SECRETS: webhookSecret,
      ADMIN_API_KEY: adminKey,
      WEBHOOK_ALLOWED_NETWORKS: '127.0.0.0/8',
      RECONCILE_CRON: '',
      LOG_LEVEL: 'silent',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  processes.push(child);
  return child;
}

describe.each(['written', 'claimed', 'sent'])('a process that is killed once it has %s', (step) => {
  it('loses no message, and another sends each under one id', { timeout: 120_000 }, async () => {
    const { id } = await world.create({ url: receiver.url });
    const dying = await start(step);
    const exited = once(dying, 'exit');
    const users: string[] = [];
    for (let count = 0; count < 5; count += 1) users.push(await world.grant());
    await world.service.deps.feed.look();
    const [, signal] = (await exited) as [number | null, string | null];
    expect(signal).toBe('SIGKILL');
    // The leases of the killed process end.
    await world.service.deps.database.pool.query(
      `update webhook_deliveries set leased_until = now() where leased_until is not null`,
    );
    await start('never');
    await vi.waitFor(
      async () => {
        const rows = await world.deliveries(id);
        expect(rows.map(({ status }) => status)).toEqual(users.map(() => 'delivered'));
      },
      { timeout: 60_000, interval: 100 },
    );
    const idsOf = Map.groupBy(receiver.received, ({ body }) => body.data['user_id']);
    expect([...idsOf.keys()].toSorted()).toEqual(users.toSorted());
    for (const messages of idsOf.values()) {
      expect(new Set(messages.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    }
    // What was sent, but not recorded, is sent again.
    expect(receiver.received.length > users.length).toBe(step === 'sent');
    await world.call('DELETE', `/admin/webhook-endpoints/${id}`);
  });
});
