import { expect } from 'vitest';
import { claimDeliveries, type Claim } from '../../src/outbound/claim.ts';
import { dispatchAll } from '../../src/outbound/dispatcher.ts';
import { at, text } from './json.ts';
import type { TestService } from './service.ts';
import { startTwoProjects, type TwoProjects } from './two-projects.ts';
import { loopback } from './webhook-receiver.ts';

export interface WebhookWorld extends TwoProjects {
  /** Sends an operator's request with the key of `notes`, or another. */
  call: (
    method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
    path: string,
    body?: object,
    key?: string,
  ) => Promise<{ status: number; body: unknown }>;
  /** Creates an endpoint. */
  create: (body: object, key?: string) => Promise<{ id: string; secret: string }>;
  /** Grants `export`, or another feature of `notes`, to a new user, whose id it returns. */
  grant: (more?: object) => Promise<string>;
  /** Publishes what changed and sends what is due, as the background does by itself. */
  dispatch: () => Promise<void>;
  /** Claims as one process with a capacity of its own. */
  claim: (running?: Record<string, number>, max?: number) => Promise<Claim[]>;
  deliveries: (
    endpointId: string,
    query?: string,
  ) => Promise<{ id: string; status: string; attempts: unknown[] }[]>;
  /** Writes this many due deliveries to an endpoint, whose ids contain the name. */
  fill: (endpointId: string, count: number, name?: string) => Promise<void>;
}

/** Starts a service with the feature `export`, whose webhooks may go to the loopback interface. */
export async function startWebhookWorld(
  options: Parameters<typeof startTwoProjects>[1] = {},
): Promise<WebhookWorld> {
  const world = await startTwoProjects(
    { export: 'boolean' },
    { ...options, config: { ...options.config, webhookAllowedNetworks: loopback } },
  );
  const { service, notes } = world;
  let users = 0;
  const call: WebhookWorld['call'] = (method, path, body, key = notes.key) =>
    service.request(method, path, { key, ...(body === undefined ? {} : { body }) });
  return {
    ...world,
    call,
    async create(body, key) {
      const made = await call('POST', '/admin/webhook-endpoints', body, key);
      expect(made).toMatchObject({ status: 201 });
      return { id: text(made.body, 'id'), secret: text(made.body, 'secret') };
    },
    async grant(more = {}) {
      users += 1;
      const about = { user_id: `u_${users}`, feature_code: 'export', reason: 'a test' };
      const { status } = await call('POST', '/admin/grant', { ...about, ...more });
      expect(status).toBe(201);
      return about.user_id;
    },
    async dispatch() {
      await service.deps.feed.look();
      await dispatchAll(service.deps);
    },
    claim: (running = {}, max = 200) =>
      claimDeliveries(service.deps.database, service.clock.now(), {
        max,
        running: new Map(Object.entries(running)),
      }),
    async deliveries(endpointId, query = '') {
      const path = `/admin/webhook-endpoints/${endpointId}/deliveries${query}`;
      const { body } = await call('GET', path);
      return at(body, 'data') as never; // as the route's schema says
    },
    fill: (endpointId, count, name = '') => fillDeliveries(service, endpointId, count, name),
  };
}

async function fillDeliveries(
  { deps, clock }: TestService,
  endpointId: string,
  count: number,
  name: string,
): Promise<void> {
  const now = new Date(clock.now());
  await deps.database.pool.query(
    `insert into webhook_deliveries
       (id, endpoint_id, message_id, type, uid, data, created_at, next_attempt_at)
     select 'whd_' || $1 || $5 || n, $1, 'msg_' || $1 || $5 || n, 'entitlements.changed', 0,
       jsonb_build_object('user_id', 'u_' || n, 'revision', 0, 'recorded_at', $2::text), $3, $3
     from generate_series(1, $4::int) n`,
    [endpointId, now.toISOString(), now, count, name],
  );
}
