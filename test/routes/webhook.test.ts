import Stripe from 'stripe';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withoutPostgres } from '../helpers/outage.ts';
import {
  startTestService,
  testStart,
  type TestResponse,
  type TestService,
  webhookSecret,
} from '../helpers/service.ts';

let service: TestService;
let counter = 0;

beforeAll(async () => {
  service = await startTestService();
});
afterAll(() => service.close());

interface Sent {
  id?: string;
  type?: string;
  object?: object;
  livemode?: boolean;
}

function eventOf({ id, type, object, livemode }: Sent) {
  counter += 1;
  return {
    id: id ?? `evt_${counter}`,
    object: 'event',
    type: type ?? 'customer.subscription.updated',
    created: testStart / 1000,
    livemode: livemode ?? false,
    api_version: '2026-10-28.endive',
    data: { object: object ?? { id: 'sub_1', object: 'subscription' } },
  };
}

function post(payload: string, headers: Record<string, string> = {}): Promise<TestResponse> {
  return service.request('POST', '/webhooks/stripe', {
    body: payload,
    headers: {
      'stripe-signature': Stripe.webhooks.generateTestHeaderString({
        payload,
        secret: webhookSecret,
        timestamp: service.clock.now() / 1000,
      }),
      ...headers,
    },
  });
}

const send = (sent: Sent = {}) => post(JSON.stringify(eventOf(sent)));

function followed(objectId: string) {
  return service.deps.database.prisma.followedObject.findFirst({ where: { objectId } });
}

describe('200', () => {
  it('the event is in Postgres and its object is wanted under its number', async () => {
    const answer = await send({ id: 'evt_stored', object: { id: 'sub_stored' } });
    expect(answer).toMatchObject({ status: 200, body: { received: true, duplicate: false } });
    const event = await service.deps.database.prisma.webhookEvent.findFirstOrThrow({
      where: { eventId: 'evt_stored' },
    });
    expect(event).toMatchObject({ outcome: 'accepted', objectId: 'sub_stored', account: '' });
    expect(await followed('sub_stored')).toMatchObject({
      objectType: 'subscription',
      wanted: event.number,
      fetched: 0n,
    });
  });

  it('a repetition is reported as duplicate, even if twenty arrive at once', async () => {
    const payload = JSON.stringify(eventOf({ id: 'evt_twenty' }));
    const answers = await Promise.all(Array.from({ length: 20 }, () => post(payload)));
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    const fresh = answers.filter(({ body }) => JSON.stringify(body).includes('"duplicate":false'));
    expect(fresh).toHaveLength(1);
  });

  it('news of one object collapses: the newest number, the most urgent urgency', async () => {
    const object = { id: 'sub_busy' };
    await send({ object });
    await send({ object, type: 'customer.subscription.deleted' });
    await send({ object, type: 'customer.subscription.trial_will_end' });
    const newest = await service.deps.database.prisma.webhookEvent.findFirstOrThrow({
      where: { objectId: 'sub_busy' },
      orderBy: { number: 'desc' },
    });
    expect(await followed('sub_busy')).toMatchObject({ wanted: newest.number, urgency: 0 });
  });

  it.each([
    ['foreign_mode', { livemode: true }],
    ['unknown_type', { type: 'toaster.popped' }],
    ['no_object', { object: {} }],
  ])('%s is kept, and nothing is wanted', async (outcome, sent) => {
    const id = `evt_${outcome}`;
    expect((await send({ ...sent, id })).status).toBe(200);
    const stored = await service.deps.database.prisma.webhookEvent.findFirstOrThrow({
      where: { eventId: id },
    });
    expect(stored).toMatchObject({ outcome, objectId: null });
  });

  it('news of a failed object gives it a new chance', async () => {
    const object = { id: 'sub_failed' };
    await send({ object });
    await service.deps.database.prisma.followedObject.updateMany({
      where: { objectId: 'sub_failed' },
      data: { failedAt: new Date(testStart), attempts: 12 },
    });
    await send({ object });
    expect(await followed('sub_failed')).toMatchObject({
      failedAt: null,
      attempts: 0,
      nextAttemptAt: null,
    });
  });

  it('keeps a zero character and broken surrogates, which are legal in JSON', async () => {
    const payload = JSON.stringify(eventOf({ id: 'evt_odd' })).replace(
      '"sub_1"',
      String.raw`"sub_odd","note":"a\u0000b\ud800"`,
    );
    expect((await post(payload)).status).toBe(200);
    expect(await followed('sub_odd')).not.toBeNull();
  });
});

describe('400', () => {
  it.each([
    ['signature_invalid', JSON.stringify({ id: 'evt_x' }), { 'stripe-signature': 't=1,v1=00' }],
    ['payload_invalid', 'null', {}],
    ['payload_invalid', '{"object":"event"}', {}],
    ['thin_event_unsupported', '{"object":"v2.core.event"}', {}],
  ])('%s', async (code, payload, headers: Record<string, string>) => {
    expect(await post(payload, headers)).toMatchObject({ status: 400, body: { code } });
  });

  it('no body', async () => {
    const { statusCode } = await service.app.inject({
      method: 'POST',
      url: '/api/v1/webhooks/stripe',
    });
    expect(statusCode).toBe(400);
  });
});

describe('413', () => {
  it('over 1 MiB', async () => {
    const answer = await post(JSON.stringify(eventOf({ object: { id: 'x'.repeat(1_048_577) } })));
    expect(answer).toMatchObject({ status: 413, body: { code: 'payload_too_large' } });
  });
});

describe('promise 1: what was not stored is not acknowledged', () => {
  it('503 while Postgres cannot take it, so that Stripe sends it again', async () => {
    await withoutPostgres(service.deps.database, async () => {
      expect((await send({ id: 'evt_refused' })).status).toBe(503);
    });
    expect(await send({ id: 'evt_refused' })).toMatchObject({
      status: 200,
      body: { duplicate: false },
    });
  });
});
