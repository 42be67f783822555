import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import type { TestService } from './service.ts';
import { startReceiver, type WebhookReceiver } from './webhook-receiver.ts';
import { startWebhookWorld, type WebhookWorld } from './webhook-world.ts';

type Endpoint = Awaited<ReturnType<WebhookWorld['create']>>;

/** An app of the project `notes` with a webhook endpoint, both new in each test. */
export interface EndpointApp extends Pick<WebhookWorld, 'call' | 'create' | 'grant' | 'dispatch'> {
  readonly service: TestService;
  readonly world: WebhookWorld;
  readonly receiver: WebhookReceiver;
  readonly endpoint: Endpoint;
  /** The path of the endpoint in the API. */
  readonly path: string;
  /** Returns the deliveries of the endpoint, the latest first. */
  deliveries: (query?: string) => ReturnType<WebhookWorld['deliveries']>;
  /** Returns the users of the received messages. */
  usersSent: () => unknown[];
  /** Returns the `webhook-id` of the received messages. */
  idsSent: () => unknown[];
}

/**
 * Gives each test of the calling file a receiver and an endpoint, at the path `/hooks`, of a service that all of
 * its tests share.
 */
export function useEndpoint(options: Parameters<typeof startWebhookWorld>[0] = {}): EndpointApp {
  let world: WebhookWorld;
  let receiver: WebhookReceiver;
  let endpoint: Endpoint;
  beforeAll(async () => {
    world = await startWebhookWorld(options);
  });
  beforeEach(async () => {
    receiver = await startReceiver();
    endpoint = await world.create({ url: `${receiver.url}/hooks` });
  });
  afterEach(async () => {
    await receiver.close();
    await world.service.deps.database.pool.query(
      'update webhook_endpoints set deleted_at = now() where deleted_at is null',
    );
  });
  afterAll(() => world.service.close());
  const app: EndpointApp = {
    get service() {
      return world.service;
    },
    get world() {
      return world;
    },
    get receiver() {
      return receiver;
    },
    get endpoint() {
      return endpoint;
    },
    get path() {
      return `/admin/webhook-endpoints/${endpoint.id}`;
    },
    call: (...request) => world.call(...request),
    create: (...request) => world.create(...request),
    grant: (more) => world.grant(more),
    dispatch: () => world.dispatch(),
    deliveries: (query) => world.deliveries(endpoint.id, query),
    usersSent: () => receiver.received.map(({ body }) => body.data['user_id']),
    idsSent: () => receiver.received.map(({ headers }) => headers['webhook-id']),
  };
  return app;
}
