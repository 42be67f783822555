import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { Started } from '../../src/dev/started.ts';
import { type DyingProcess, startDying } from '../helpers/dying-process.ts';
import { startReceiver, type WebhookReceiver } from '../helpers/webhook-receiver.ts';
import { startWebhookWorld, type WebhookWorld } from '../helpers/webhook-world.ts';

/* Real processes that kill themselves (SIGKILL) in the middle of a webhook, in real time. */

let world: WebhookWorld;
let receiver: WebhookReceiver;
let started: Started;

beforeAll(async () => {
  // By the real clock, as the processes.
  world = await startWebhookWorld({ now: Date.now() });
});
beforeEach(async () => {
  started = new Started();
  receiver = await startReceiver();
  started.add(() => receiver.close());
});
afterEach(() => started.stop());
afterAll(() => world.service.close());

function start(dieAt: string): Promise<DyingProcess> {
  return startDying({
    ...{ program: 'dying-dispatcher.ts', dieAt, started },
    databaseUrl: world.service.deps.config.databaseUrl,
    environment: {
      STRIPE_API_BASE: 'http://127.0.0.1:9',
      WEBHOOK_ALLOWED_NETWORKS: '127.0.0.0/8',
      RECONCILE_CRON: '',
    },
  });
}

describe.each(['written', 'claimed', 'sent'])('a process that is killed once it has %s', (step) => {
  it('loses no message, and another sends each under one id', { timeout: 120_000 }, async () => {
    const { id } = await world.create({ url: receiver.url });
    const dying = await start(step);
    const users: string[] = [];
    for (let count = 0; count < 5; count += 1) users.push(await world.grant());
    await world.service.deps.feed.look();
    expect(await dying.ended).toBe('SIGKILL');
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
