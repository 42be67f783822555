import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sweepBoundaries } from '../../src/changes/boundaries.ts';
import { dispatchAll } from '../../src/outbound/dispatcher.ts';
import { sweepExpiring } from '../../src/outbound/expiring.ts';
import { at, text } from '../helpers/json.ts';
import type { TestService } from '../helpers/service.ts';
import { startTwoProjects } from '../helpers/two-projects.ts';
import {
  answerWith,
  loopback,
  startReceiver,
  verifies,
  type WebhookReceiver,
} from '../helpers/webhook-receiver.ts';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

let service: TestService;
let notes: { projectId: string; key: string };
let other: { projectId: string; key: string };
let receiver: WebhookReceiver;
let endpoint: { id: string; secret: string };
let user = 0;

beforeAll(async () => {
  ({ service, notes, other } = await startTwoProjects(
    { export: 'boolean', pages: 'limit' },
    { config: { webhookAllowedNetworks: loopback } },
  ));
});
beforeEach(async () => {
  receiver = await startReceiver();
  endpoint = await create({ url: `${receiver.url}/hooks` });
});
afterEach(async () => {
  await call('DELETE', `/admin/webhook-endpoints/${endpoint.id}`);
  await receiver.close();
});
afterAll(() => service.close());

async function call(
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
  path: string,
  body?: object,
): Promise<{ status: number; body: unknown }> {
  return service.request(method, path, {
    key: notes.key,
    ...(body === undefined ? {} : { body }),
  });
}

async function create(body: object): Promise<{ id: string; secret: string }> {
  const made = await call('POST', '/admin/webhook-endpoints', body);
  expect(made).toMatchObject({ status: 201 });
  return { id: text(made.body, 'id'), secret: text(made.body, 'secret') };
}

/** Grants a feature to a new user, whose id it returns. */
async function grant(more: object = {}): Promise<string> {
  user += 1;
  const userId = `u_${user}`;
  const { status } = await call('POST', '/admin/grant', {
    ...{ user_id: userId, feature_code: 'export', reason: 'a test' },
    ...more,
  });
  expect(status).toBe(201);
  return userId;
}

/** Publishes what changed and sends what is due, as the background does by itself. */
async function dispatch(): Promise<void> {
  await service.deps.feed.look();
  await dispatchAll(service.deps);
}

async function deliveries(query = ''): Promise<unknown[]> {
  const { body } = await call('GET', `/admin/webhook-endpoints/${endpoint.id}/deliveries${query}`);
  return at(body, 'data') as unknown[];
}

const usersIn = (): unknown[] => receiver.received.map(({ body }) => body.data['user_id']);

describe('a message', () => {
  it('says what changed and what the user may use now, signed as Standard Webhooks', async () => {
    const userId = await grant();
    await dispatch();
    const [message] = receiver.received;
    expect(message?.path).toBe('/hooks');
    expect(message?.body).toMatchObject({
      type: 'entitlements.changed',
      timestamp: new Date(service.clock.now()).toISOString(),
      data: {
        project_id: 'notes',
        user_id: userId,
        revision: 1,
        cause: 'operator',
        gained: ['export'],
        lost: [],
        entitlements_revision: 1,
        entitlements: [{ feature_code: 'export', value: true }],
      },
    });
    expect(message?.headers).toMatchObject({
      'content-type': 'application/json',
      'webhook-timestamp': String(service.clock.now() / 1_000),
    });
    expect(message && verifies(message, endpoint.secret, service.clock.now())).toBe(true);
    const forged = `whsec_${Buffer.alloc(32).toString('base64')}`;
    expect(message && verifies(message, forged, service.clock.now())).toBe(false);
    expect(await deliveries()).toMatchObject([
      {
        message_id: message?.headers['webhook-id'],
        status: 'delivered',
        next_attempt_at: null,
        attempts: [{ status: 200, error: null, response: '' }],
      },
    ]);
  });

  it('goes to the endpoints of its project alone', async () => {
    await service.request('PUT', '/admin/features/export', {
      key: other.key,
      body: { name: 'Export', type: 'boolean' },
    });
    await service.request('POST', '/admin/grant', {
      key: other.key,
      body: { user_id: 'eve', feature_code: 'export', reason: 'a test' },
    });
    await dispatch();
    expect(receiver.received).toEqual([]);
  });

  it('is sent to each endpoint whose types include it', async () => {
    const all = await create({
      url: `${receiver.url}/all`,
      types: ['entitlements.changed', 'entitlements.rescheduled'],
    });
    const start = service.clock.now();
    const userId = await grant({ valid_to: new Date(start + day).toISOString() });
    await call('POST', '/admin/grant', {
      ...{ user_id: userId, feature_code: 'export', reason: 'longer' },
      valid_to: new Date(start + 2 * day).toISOString(),
    });
    await dispatch();
    const seen = receiver.received.map(({ path, body }) => `${path} ${body.type}`).toSorted();
    expect(seen).toEqual([
      '/all entitlements.changed',
      '/all entitlements.rescheduled',
      '/hooks entitlements.changed',
    ]);
    await call('DELETE', `/admin/webhook-endpoints/${all.id}`);
  });

  it('leaves out the entitlements if it would be larger than 20 kB', async () => {
    const user_id = await grant();
    for (let number = 0; number < 40; number += 1) {
      const code = `f${number}_${'x'.repeat(90)}`;
      await service.request('PUT', `/admin/features/${code}`, {
        key: notes.key,
        body: { name: code, type: 'config' },
      });
      await call('POST', '/admin/grant', {
        ...{ user_id, feature_code: code, reason: 'a test' },
        value: { text: 'y'.repeat(500) },
      });
    }
    await dispatch();
    const last = receiver.received.find(({ body }) => body.data['revision'] === 41);
    expect(last?.body.data).toMatchObject({ user_id, truncated: true });
    expect(last?.body.data).not.toHaveProperty('entitlements');
    expect(receiver.received.every(({ text: body }) => Buffer.byteLength(body) < 20_000)).toBe(
      true,
    );
  });

  it('about a boundary comes at its instant', async () => {
    const end = service.clock.now() + hour;
    const userId = await grant({ valid_to: new Date(end).toISOString() });
    await dispatch();
    service.clock.set(end);
    await sweepBoundaries(service.deps);
    await dispatch();
    expect(receiver.received.at(-1)?.body.data).toMatchObject({
      user_id: userId,
      cause: 'boundary',
      at: new Date(end).toISOString(),
      lost: ['export'],
      entitlements: [],
    });
  });
});

describe('a failed attempt', () => {
  it('is repeated after 5 s, 5 min, 30 min, 2, 5, 10, 14, 20 and 24 h under one id, then fails', async () => {
    receiver.answer = answerWith(500, {}, 'down for a moment');
    await grant();
    await dispatch();
    const waits = [5_000, 5 * minute, 30 * minute];
    waits.push(...[2, 5, 10, 14, 20, 24].map((hours) => hours * hour));
    for (const [nth, wait] of waits.entries()) {
      service.clock.advance(0.89 * wait);
      await dispatch();
      expect(receiver.received).toHaveLength(nth + 1);
      service.clock.advance(0.11 * wait);
      await dispatch();
      expect(receiver.received).toHaveLength(nth + 2);
    }
    const ids = new Set(receiver.received.map(({ headers }) => headers['webhook-id']));
    expect(ids.size).toBe(1);
    const stamps = new Set(receiver.received.map(({ headers }) => headers['webhook-timestamp']));
    expect(stamps.size).toBe(10);
    const [delivery] = await deliveries('?status=failed');
    expect(delivery).toMatchObject({ status: 'failed', next_attempt_at: null });
    expect(at(delivery, 'attempts')).toHaveLength(10);
    expect(at(delivery, 'attempts', 0)).toMatchObject({
      status: 500,
      error: 'status_not_2xx',
      response: 'down for a moment',
    });
    service.clock.advance(10 * day);
    await dispatch();
    expect(receiver.received).toHaveLength(10);
  });

  it('waits as long as `Retry-After` asks, up to an hour', async () => {
    receiver.answer = answerWith(503, { 'retry-after': '1800' });
    await grant();
    await dispatch();
    service.clock.advance(30 * minute - 1);
    await dispatch();
    expect(receiver.received).toHaveLength(1);
    receiver.answer = answerWith(429, { 'retry-after': '86400' });
    service.clock.advance(1);
    await dispatch();
    expect(receiver.received).toHaveLength(2);
    service.clock.advance(hour - 1);
    await dispatch();
    expect(receiver.received).toHaveLength(2);
    service.clock.advance(1);
    await dispatch();
    expect(receiver.received).toHaveLength(3);
  });

  it('is a redirect too, which is not followed', async () => {
    const target = await startReceiver();
    receiver.answer = answerWith(307, { location: target.url });
    await grant();
    await dispatch();
    expect(target.received).toEqual([]);
    expect(await deliveries()).toMatchObject([
      { status: 'pending', attempts: [{ status: 307, error: 'redirect_not_followed' }] },
    ]);
    await target.close();
  });

  it('stores the first kilobyte of the answer', async () => {
    receiver.answer = answerWith(500, {}, `\0${'a'.repeat(100_000)}`);
    await grant();
    await dispatch();
    const [delivery] = await deliveries();
    const response = text(delivery, 'attempts', 0, 'response');
    expect(Buffer.byteLength(response)).toBeLessThanOrEqual(1_026);
    expect(response).toMatch(/^\uFFFDa+$/);
  });
});

describe('an endpoint', () => {
  it('that answers 410 is disabled, with an audit row, and gets nothing more', async () => {
    receiver.answer = answerWith(410);
    await grant();
    await dispatch();
    expect((await call('GET', `/admin/webhook-endpoints/${endpoint.id}`)).body).toMatchObject({
      status: 'disabled',
      disabled_reason: 'gone',
    });
    const audit = await call('GET', '/admin/audit?action=webhook_endpoint.disable');
    expect(at(audit.body, 'data', 0)).toMatchObject({
      actor: 'system',
      target: { id: endpoint.id },
      after: { disabled_reason: 'gone' },
    });
    await grant();
    service.clock.advance(day);
    await dispatch();
    expect(receiver.received).toHaveLength(1);
  });

  it('that fails for five days is disabled; once enabled, it gets what changes from then on', async () => {
    receiver.answer = answerWith(500);
    await grant();
    await dispatch();
    for (let hours = 0; hours < 5 * 24; hours += 6) {
      service.clock.advance(6 * hour);
      await grant();
      await dispatch();
    }
    const path = `/admin/webhook-endpoints/${endpoint.id}`;
    expect((await call('GET', path)).body).toMatchObject({
      status: 'disabled',
      disabled_reason: 'failing',
    });
    const before = receiver.received.length;
    const missed = await grant();
    service.clock.advance(day);
    await dispatch();
    expect(receiver.received).toHaveLength(before);
    receiver.answer = answerWith(200);
    await call('PATCH', path, { status: 'enabled' });
    const told = await grant();
    await dispatch();
    expect(usersIn()).toContain(told);
    expect(usersIn()).not.toContain(missed);
  });

  it('that succeeds in between is not disabled', async () => {
    const answers = [500, 200];
    receiver.answer = (response) =>
      response.writeHead(answers[receiver.received.length % 2] ?? 500).end();
    for (let days = 0; days < 8; days += 1) {
      await grant();
      await dispatch();
      service.clock.advance(day);
    }
    await dispatch();
    expect((await call('GET', `/admin/webhook-endpoints/${endpoint.id}`)).body).toMatchObject({
      status: 'enabled',
    });
  });

  it('signs with both secrets after a rotation, until the overlap ends', async () => {
    const rotated = await call('POST', `/admin/webhook-endpoints/${endpoint.id}/rotate-secret`, {
      overlap_seconds: 3_600,
    });
    const secret = text(rotated.body, 'secret');
    expect(secret).not.toBe(endpoint.secret);
    await grant();
    await dispatch();
    const [first] = receiver.received;
    const now = service.clock.now();
    expect(first && verifies(first, secret, now)).toBe(true);
    expect(first && verifies(first, endpoint.secret, now)).toBe(true);
    service.clock.advance(hour);
    await grant();
    await dispatch();
    const [, second] = receiver.received;
    const later = service.clock.now();
    expect(second && verifies(second, secret, later)).toBe(true);
    expect(second && verifies(second, endpoint.secret, later)).toBe(false);
  });

  it('gets a test at once', async () => {
    const path = `/admin/webhook-endpoints/${endpoint.id}/test`;
    expect(await call('POST', path)).toMatchObject({
      status: 200,
      body: { delivered: true, status: 200 },
    });
    const [message] = receiver.received;
    expect(message?.body).toMatchObject({
      type: 'webhook.test',
      data: { project_id: 'notes', endpoint_id: endpoint.id },
    });
    expect(message && verifies(message, endpoint.secret, service.clock.now())).toBe(true);
    receiver.answer = answerWith(404);
    expect((await call('POST', path)).body).toMatchObject({
      delivered: false,
      status: 404,
      error: 'status_not_2xx',
    });
  });

  it('gets everything since an instant again, under the first ids', async () => {
    const early = await grant();
    await dispatch();
    service.clock.advance(hour);
    const from = new Date(service.clock.now()).toISOString();
    const late = [await grant(), await grant()];
    await dispatch();
    const ids = new Map(
      receiver.received.map(({ headers, body }) => [body.data['user_id'], headers['webhook-id']]),
    );
    receiver.received.length = 0;
    const path = `/admin/webhook-endpoints/${endpoint.id}/replay`;
    expect(await call('POST', path, { from })).toMatchObject({
      status: 202,
      body: { messages: 2 },
    });
    await dispatch();
    expect(usersIn().toSorted()).toEqual(late.toSorted());
    expect(usersIn()).not.toContain(early);
    for (const { headers, body } of receiver.received) {
      expect(headers['webhook-id']).toBe(ids.get(body.data['user_id']));
    }
  });

  it('gets a delivery once more when an operator retries it', async () => {
    await grant();
    await dispatch();
    const [delivery] = await deliveries();
    const id = text(delivery, 'id');
    expect(await call('POST', `/admin/webhook-deliveries/${id}/retry`)).toMatchObject({
      status: 202,
      body: { status: 'pending' },
    });
    await dispatch();
    expect(receiver.received).toHaveLength(2);
    expect(await deliveries()).toMatchObject([
      { id, status: 'delivered', attempts: [{ status: 200 }, { status: 200 }] },
    ]);
  });
});

describe('a notice of an end', () => {
  it('comes once per end, the notice period ahead', async () => {
    await call('PATCH', '/admin/projects/notes', { settings: { expiring_notice_days: 7 } });
    const end = service.clock.now() + 10 * day;
    const userId = await grant({ valid_to: new Date(end).toISOString() });
    const expiring = (): unknown[] =>
      receiver.received.filter(({ body }) => body.type === 'entitlements.expiring');
    const sweep = async (): Promise<void> => {
      await sweepExpiring(service.deps);
      await dispatch();
    };
    await sweep();
    service.clock.set(end - 7 * day - 1);
    await sweep();
    expect(expiring()).toEqual([]);
    service.clock.advance(1);
    await sweep();
    await sweep();
    expect(expiring()).toMatchObject([
      {
        body: {
          data: {
            project_id: 'notes',
            user_id: userId,
            ends_at: new Date(end).toISOString(),
            expiring: ['export'],
            entitlements: [{ feature_code: 'export' }],
          },
        },
      },
    ]);
    // Another change of the user repeats nothing; another end is another notice.
    await call('POST', '/admin/grant', {
      ...{ user_id: userId, feature_code: 'pages', value: 5, reason: 'a test' },
      valid_to: new Date(end - day).toISOString(),
    });
    await sweep();
    expect(expiring()).toHaveLength(2);
    expect(expiring()[1]).toMatchObject({ body: { data: { expiring: ['pages'] } } });
    await call('PATCH', '/admin/projects/notes', { settings: { expiring_notice_days: 0 } });
  });
});

describe('a killed process', () => {
  it('loses no message: what it had claimed is sent again after the lease, under the same id', async () => {
    const { pool } = service.deps.database;
    await grant();
    await service.deps.feed.look();
    // As if a process had died right after it claimed and sent: the answer was never recorded.
    await dispatch();
    await pool.query(
      `update webhook_deliveries set status = 'pending', attempts = '[]', tries = 0,
         next_attempt_at = $1, leased_until = $2 where endpoint_id = $3`,
      [new Date(service.clock.now()), new Date(service.clock.now() + 30_000), endpoint.id],
    );
    await dispatch();
    expect(receiver.received).toHaveLength(1);
    service.clock.advance(30_000);
    await dispatch();
    expect(receiver.received).toHaveLength(2);
    expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
  });
});

it('erasing a user erases what endpoints answered about them', async () => {
  receiver.answer = answerWith(200, {}, 'thanks, mail sent to a@example.com');
  const userId = await grant();
  await dispatch();
  await call('DELETE', `/admin/users/${userId}?reason=asked`);
  expect(await deliveries()).toMatchObject([{ attempts: [{ status: 200, response: null }] }]);
});
