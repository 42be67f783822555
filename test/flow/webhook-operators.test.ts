import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { keepHouse } from '../../src/ops/housekeeping.ts';
import { fanOut } from '../../src/outbound/fan-out.ts';
import { measureWebhooks } from '../../src/outbound/measure.ts';
import { recordAttempt } from '../../src/outbound/record-attempt.ts';
import type { Attempt } from '../../src/outbound/send.ts';
import { text } from '../helpers/json.ts';
import {
  answerWith,
  hang,
  startReceiver,
  verifies,
  type WebhookReceiver,
} from '../helpers/webhook-receiver.ts';
import { startWebhookWorld, type WebhookWorld } from '../helpers/webhook-world.ts';

/* What operators do to an endpoint while messages wait or attempts run. */

let world: WebhookWorld;
let receiver: WebhookReceiver;
let endpoint: { id: string; secret: string };
let path: string;

beforeAll(async () => {
  world = await startWebhookWorld();
});
beforeEach(async () => {
  receiver = await startReceiver();
  endpoint = await world.create({ url: `${receiver.url}/first` });
  path = `/admin/webhook-endpoints/${endpoint.id}`;
});
afterEach(async () => {
  await world.call('DELETE', path);
  await receiver.close();
});
afterAll(() => world.service.close());

/** Grants, writes the delivery and claims it, as if its attempt were running. */
async function attempted() {
  await world.grant();
  await world.service.deps.feed.look();
  await fanOut(world.service.deps);
  const [claim] = await world.claim();
  if (claim === undefined) throw new Error('nothing was due');
  return {
    claim,
    end: (result: Partial<Attempt>) =>
      recordAttempt(world.service.deps, claim, {
        ...{ at: world.service.clock.now(), durationMs: 1, status: 200, error: null },
        ...{ response: '', retryAfterMs: null, ...result },
      }),
  };
}

const failure = { status: 500, error: 'status_not_2xx' as const };
const idsSent = (): unknown[] => receiver.received.map(({ headers }) => headers['webhook-id']);

describe('while an attempt runs', () => {
  it.each(['success', 'failure'])(
    'a replay sends the message again after its %s',
    async (result) => {
      const from = new Date(world.service.clock.now()).toISOString();
      const { claim, end } = await attempted();
      world.service.clock.advance(1);
      await world.call('POST', `${path}/replay`, { from });
      await fanOut(world.service.deps);
      await world.dispatch();
      expect(receiver.received).toEqual([]);
      await end(result === 'success' ? {} : failure);
      await world.dispatch();
      expect(idsSent()).toEqual([claim.messageId]);
      expect(await world.deliveries(endpoint.id)).toMatchObject([
        { status: 'delivered', attempts: [{}, { status: 200 }] },
      ]);
    },
  );

  it('a retry sends it once more afterwards', async () => {
    const { claim, end } = await attempted();
    world.service.clock.advance(1);
    const asked = await world.call('POST', `/admin/webhook-deliveries/${claim.id}/retry`);
    expect(asked.status).toBe(202);
    await end({});
    await world.dispatch();
    expect(idsSent()).toEqual([claim.messageId]);
  });

  it('a lost lease discards its result', async () => {
    const { end } = await attempted();
    world.service.clock.advance(30_000);
    const [again] = await world.claim();
    await end({});
    expect(await world.deliveries(endpoint.id)).toMatchObject([
      { status: 'pending', attempts: [] },
    ]);
    expect(again?.leasedUntil.getTime()).toBe(world.service.clock.now() + 30_000);
  });

  it('the endpoint can be deleted: its result changes nothing, and its rows are purged', async () => {
    const { end } = await attempted();
    await world.call('DELETE', path);
    await end({ status: 410, error: 'status_not_2xx' });
    await world.dispatch();
    expect(receiver.received).toEqual([]);
    const { prisma } = world.service.deps.database;
    const disabled = { action: 'webhook_endpoint.disable', targetId: endpoint.id };
    expect(await prisma.auditEntry.count({ where: disabled })).toBe(0);
    await keepHouse({ ...world.service.deps, eventRetentionDays: 30, changeRetentionDays: 7 });
    expect(await prisma.webhookEndpoint.count({ where: { id: endpoint.id } })).toBe(0);
    await end({});
  });

  it('the endpoint can be disabled: its failure is recorded, and retried once it is enabled', async () => {
    const { claim, end } = await attempted();
    await world.call('PATCH', path, { status: 'disabled' });
    await end(failure);
    world.service.clock.advance(10_000);
    await world.dispatch();
    expect(receiver.received).toEqual([]);
    await world.call('PATCH', path, { status: 'enabled' });
    await world.dispatch();
    expect(idsSent()).toEqual([claim.messageId]);
  });

  it('its URL can be changed: a 410 of the old one does not disable the new one', async () => {
    const { end } = await attempted();
    await world.call('PATCH', path, { url: `${receiver.url}/second` });
    await end({ status: 410, error: 'status_not_2xx' });
    expect((await world.call('GET', path)).body).toMatchObject({ status: 'enabled' });
    world.service.clock.advance(5_000);
    await world.dispatch();
    expect(receiver.received).toMatchObject([{ path: '/second' }]);
  });
});

describe('a change of an endpoint', () => {
  it('sends what waits to the new URL, and selects later changes by the new types', async () => {
    receiver.answer = answerWith(500);
    await world.grant();
    await world.dispatch();
    receiver.answer = answerWith(200);
    await world.call('PATCH', path, {
      url: `${receiver.url}/second`,
      types: ['entitlements.rescheduled'],
    });
    await world.grant();
    world.service.clock.advance(5_000);
    await world.dispatch();
    expect(receiver.received.map((message) => message.path)).toEqual(['/first', '/second']);
    expect(new Set(idsSent()).size).toBe(1);
  });

  it('to another URL begins the five days of failures anew', async () => {
    receiver.answer = answerWith(500);
    await world.grant();
    await world.dispatch();
    world.service.clock.advance(5 * 86_400_000);
    await world.call('PATCH', path, { url: `${receiver.url}/second` });
    await world.dispatch();
    expect((await world.call('GET', path)).body).toMatchObject({ status: 'enabled' });
  });

  it('of its secret, five times, keeps the last five: each signs while its overlap lasts', async () => {
    const secrets = [endpoint.secret];
    for (let round = 0; round < 5; round += 1) {
      const rotated = await world.call('POST', `${path}/rotate-secret`);
      secrets.push(text(rotated.body, 'secret'));
    }
    await world.grant();
    await world.dispatch();
    const [message] = receiver.received;
    const now = world.service.clock.now();
    const verified = secrets.map((secret) => message && verifies(message, secret, now));
    expect(verified).toEqual([false, true, true, true, true, true]);
    const signature = String(message?.headers['webhook-signature']).split(' ');
    expect(signature).toHaveLength(5);
  });

  it('of its secret without an overlap ends every other secret, also of earlier rotations', async () => {
    const first = text((await world.call('POST', `${path}/rotate-secret`)).body, 'secret');
    const last = await world.call('POST', `${path}/rotate-secret`, { overlap_seconds: 0 });
    await world.grant();
    await world.dispatch();
    const [message] = receiver.received;
    const secrets = [endpoint.secret, first, text(last.body, 'secret')];
    const now = world.service.clock.now();
    expect(secrets.map((secret) => message && verifies(message, secret, now))).toEqual([
      ...[false, false, true],
    ]);
  });
});

describe('deliveries', () => {
  it('are written once, however many instances write at once, to every endpoint of the project', async () => {
    const second = await world.create({ url: `${receiver.url}/second` });
    for (let count = 0; count < 10; count += 1) await world.grant();
    await world.service.deps.feed.look();
    await Promise.all(Array.from({ length: 6 }, () => fanOut(world.service.deps)));
    await fanOut(world.service.deps);
    for (const { id } of [endpoint, second]) {
      const written = await world.deliveries(id);
      expect(written).toHaveLength(10);
    }
    await world.dispatch();
    expect(receiver.received).toHaveLength(20);
    expect(new Set(idsSent()).size).toBe(20);
    await world.call('DELETE', `/admin/webhook-endpoints/${second.id}`);
  });

  it('are left to the instance that wrote them first: none becomes pending again', async () => {
    await world.grant();
    await world.service.deps.feed.look();
    const { database } = world.service.deps;
    // This instance is paused after it has read the page, while the other one writes and sends.
    const asked = database.pool.query.bind(database.pool) as (
      text: string,
      values?: unknown[],
    ) => Promise<unknown>; // the form that the feed uses
    const query = async (text: string, values?: unknown[]): Promise<unknown> => {
      const result = await asked(text, values);
      if (text.includes('from change_feed')) await world.dispatch();
      return result;
    };
    const pool = Object.assign(Object.create(database.pool) as typeof database.pool, { query });
    await fanOut({ ...world.service.deps, database: { ...database, pool } });
    expect(await world.deliveries(endpoint.id)).toMatchObject([{ status: 'delivered' }]);
    await world.dispatch();
    expect(receiver.received).toHaveLength(1);
  });

  it('continue with the oldest change that is kept if changes were deleted before they were written', async () => {
    const { deps, clock } = world.service;
    await world.grant();
    await deps.feed.look();
    clock.advance(8 * 86_400_000);
    await keepHouse({ ...deps, eventRetentionDays: 30, changeRetentionDays: 7 });
    const kept = await world.grant();
    await world.dispatch();
    expect(receiver.received.map(({ body }) => body.data['user_id'])).toEqual([kept]);
    const last = await world.grant();
    await world.dispatch();
    expect(receiver.received.at(-1)?.body.data['user_id']).toBe(last);
  });

  it('of a long backlog are written page by page, none skipped', async () => {
    await world.service.deps.database.pool.query(
      `insert into users (project_id, user_id, created_at, next_boundary_at, next_end_at)
       select 'notes', 'many_' || n, now(), null, null from generate_series(1, 2500) n`,
    );
    await world.service.deps.database.pool.query(
      `insert into changes (uid, project_id, revision, cause, at, recorded_at, gained, lost, changed)
       select uid, project_id, 1, 'operator', now(), now(), '{export}', '{}', '{}' from users
       where user_id like 'many_%'`,
    );
    await world.service.deps.feed.look();
    let rounds = 1;
    while (await fanOut(world.service.deps)) rounds += 1;
    expect(rounds).toBe(3);
    const { prisma } = world.service.deps.database;
    expect(await prisma.webhookDelivery.count({ where: { endpointId: endpoint.id } })).toBe(2_500);
  });
});

it('the metrics show what is due, what was not accepted, and what the service disabled', async () => {
  const { deps, clock } = world.service;
  const measured = async (): Promise<unknown[]> => {
    await measureWebhooks(deps);
    const gauges = ['webhookDueSeconds', 'webhookUndeliveredSeconds', 'webhookEndpointsDisabled'];
    return Promise.all(
      gauges.map(async (name) => {
        const { values } = await deps.metrics[name as 'webhookDueSeconds'].get(); // all are gauges
        return values[0]?.value;
      }),
    );
  };
  expect(await measured()).toEqual([0, 0, 0]);
  receiver.answer = answerWith(500);
  await world.grant();
  await world.dispatch();
  clock.advance(4_000);
  expect(await measured()).toEqual([0, 4, 0]);
  clock.advance(3_000);
  const [due, undelivered] = await measured();
  expect(due).toBeGreaterThanOrEqual(2);
  expect(undelivered).toBe(7);
  receiver.answer = answerWith(410);
  await world.dispatch();
  expect(await measured()).toEqual([0, 0, 1]);
  await world.call('PATCH', path, { status: 'enabled' });
  receiver.answer = answerWith(200);
  clock.advance(3_600_000);
  await world.dispatch();
  expect(await measured()).toEqual([0, 0, 0]);
});

describe('a test', () => {
  it('is refused while four of the project run, whose slots are free again afterwards', async () => {
    receiver.answer = hang;
    const running = Array.from({ length: 4 }, () => world.call('POST', `${path}/test`));
    await receiver.until(4);
    expect(await world.call('POST', `${path}/test`)).toMatchObject({
      status: 429,
      body: { code: 'too_many_requests' },
    });
    const other = await world.create({ url: 'http://127.0.0.1:9/' }, world.other.key);
    const ofOther = `/admin/webhook-endpoints/${other.id}/test`;
    expect(await world.call('POST', ofOther, undefined, world.other.key)).toMatchObject({
      status: 200,
      body: { delivered: false, error: 'connection_failed' },
    });
    receiver.reset();
    for (const each of running) expect(await each).toMatchObject({ body: { delivered: false } });
    receiver.answer = answerWith(204);
    expect(await world.call('POST', `${path}/test`)).toMatchObject({
      body: { delivered: true, status: 204 },
    });
  });
});
