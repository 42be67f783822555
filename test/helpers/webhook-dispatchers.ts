import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { type Dispatcher, startDispatcher } from '../../src/outbound/dispatcher.ts';
import { hang, startReceiver, type WebhookReceiver } from './webhook-receiver.ts';
import { startWebhookWorld, type WebhookWorld } from './webhook-world.ts';

/** Instances that dispatch webhooks, and two apps that receive them, all new in each test. */
export interface Dispatchers {
  readonly world: WebhookWorld;
  /** Never answers. */
  readonly hanging: WebhookReceiver;
  readonly fast: WebhookReceiver;
  /** Starts an instance's dispatcher, which looks for work without delay. */
  start: (max?: number) => Dispatcher;
  /** Makes every dispatcher look for work. */
  wake: () => void;
}

/** Gives each test of the calling file receivers and dispatchers of a service that all of its tests share. */
export function useDispatchers(options: Parameters<typeof startWebhookWorld>[0] = {}): Dispatchers {
  let world: WebhookWorld;
  let hanging: WebhookReceiver;
  let fast: WebhookReceiver;
  let started: Dispatcher[] = [];
  beforeAll(async () => {
    world = await startWebhookWorld(options);
  });
  beforeEach(async () => {
    [hanging, fast] = await Promise.all([startReceiver(), startReceiver()]);
    hanging.answer = hang;
  });
  afterEach(async () => {
    await Promise.all(started.map((each) => each.stop()));
    started = [];
    await Promise.all([hanging.close(), fast.close()]);
    await world.service.deps.database.pool.query(
      'truncate webhook_deliveries; update webhook_endpoints set deleted_at = now()',
    );
  });
  afterAll(() => world.service.close());
  return {
    get world() {
      return world;
    },
    get hanging() {
      return hanging;
    },
    get fast() {
      return fast;
    },
    start(max) {
      const dispatcher = startDispatcher(world.service.deps, max);
      started.push(dispatcher);
      dispatcher.wake();
      return dispatcher;
    },
    wake() {
      for (const each of started) each.wake();
    },
  };
}
