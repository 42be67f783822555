import { describe, expect, it } from 'vitest';
import { keepHouse } from '../../src/ops/housekeeping.ts';
import { fanOut } from '../../src/outbound/fan-out.ts';
import { recordAttempt } from '../../src/outbound/record-attempt.ts';
import type { Attempt } from '../../src/outbound/send.ts';
import { text } from '../helpers/json.ts';
import { useEndpoint } from '../helpers/webhook-endpoint.ts';
import { answerWith, hang, verifies } from '../helpers/webhook-receiver.ts';

/* What operators do to an endpoint while messages wait or attempts run. */

const app = useEndpoint();

/** Grants, writes the delivery and claims it, as if its attempt were running. */
async function attempted() {
  await app.grant();
  await app.service.deps.feed.look();
  await fanOut(app.service.deps);
  const [claim] = await app.world.claim();
  if (claim === undefined) throw new Error('nothing was due');
  return {
    claim,
    end: (result: Partial<Attempt>) =>
      recordAttempt(app.service.deps, claim, {
        ...{ at: app.service.clock.now(), durationMs: 1, status: 200, error: null },
        ...{ response: '', retryAfterMs: null, ...result },
      }),
  };
}

const failure = { status: 500, error: 'status_not_2xx' as const };

describe('while an attempt runs', () => {
  it.each(['success', 'failure'])(
    'a replay sends the message again after its %s',
    async (result) => {
      const from = new Date(app.service.clock.now()).toISOString();
      const { claim, end } = await attempted();
      app.service.clock.advance(1);
      await app.call('POST', `${app.path}/replay`, { from });
      await fanOut(app.service.deps);
      await app.dispatch();
      expect(app.receiver.received).toEqual([]);
      await end(result === 'success' ? {} : failure);
      await app.dispatch();
      expect(app.idsSent()).toEqual([claim.messageId]);
      expect(await app.deliveries()).toMatchObject([
        { status: 'delivered', attempts: [{}, { status: 200 }] },
      ]);
    },
  );

  it('a retry sends it once more afterwards', async () => {
    const { claim, end } = await attempted();
    app.service.clock.advance(1);
    const asked = await app.call('POST', `/admin/webhook-deliveries/${claim.id}/retry`);
    expect(asked.status).toBe(202);
    await end({});
    await app.dispatch();
    expect(app.idsSent()).toEqual([claim.messageId]);
  });

  it('a lost lease discards its result', async () => {
    const { end } = await attempted();
    app.service.clock.advance(30_000);
    const [again] = await app.world.claim();
    await end({});
    expect(await app.deliveries()).toMatchObject([{ status: 'pending', attempts: [] }]);
    expect(again?.leasedUntil.getTime()).toBe(app.service.clock.now() + 30_000);
  });

  it('the endpoint can be deleted: its result changes nothing, and its rows are purged', async () => {
    const { end } = await attempted();
    await app.call('DELETE', app.path);
    await end({ status: 410, error: 'status_not_2xx' });
    await app.dispatch();
    expect(app.receiver.received).toEqual([]);
    const { prisma } = app.service.deps.database;
    const disabled = { action: 'webhook_endpoint.disable', targetId: app.endpoint.id };
    expect(await prisma.auditEntry.count({ where: disabled })).toBe(0);
    await keepHouse({ ...app.service.deps, eventRetentionDays: 30, changeRetentionDays: 7 });
    expect(await prisma.webhookEndpoint.count({ where: { id: app.endpoint.id } })).toBe(0);
    await end({});
  });

  it('the endpoint can be disabled: its failure is recorded, and retried once it is enabled', async () => {
    const { claim, end } = await attempted();
    await app.call('PATCH', app.path, { status: 'disabled' });
    await end(failure);
    app.service.clock.advance(10_000);
    await app.dispatch();
    expect(app.receiver.received).toEqual([]);
    await app.call('PATCH', app.path, { status: 'enabled' });
    await app.dispatch();
    expect(app.idsSent()).toEqual([claim.messageId]);
  });

  it('its URL can be changed: a 410 of the old one does not disable the new one', async () => {
    const { end } = await attempted();
    await app.call('PATCH', app.path, { url: `${app.receiver.url}/second` });
    await end({ status: 410, error: 'status_not_2xx' });
    expect((await app.call('GET', app.path)).body).toMatchObject({ status: 'enabled' });
    app.service.clock.advance(5_000);
    await app.dispatch();
    expect(app.receiver.received).toMatchObject([{ path: '/second' }]);
  });
});

describe('a change of an endpoint', () => {
  it('sends what waits to the new URL, and selects later changes by the new types', async () => {
    app.receiver.answer = answerWith(500);
    await app.grant();
    await app.dispatch();
    app.receiver.answer = answerWith(200);
    await app.call('PATCH', app.path, {
      url: `${app.receiver.url}/second`,
      types: ['entitlements.rescheduled'],
    });
    await app.grant();
    app.service.clock.advance(5_000);
    await app.dispatch();
    expect(app.receiver.received.map((message) => message.path)).toEqual(['/hooks', '/second']);
    expect(new Set(app.idsSent()).size).toBe(1);
  });

  it('to another URL begins the five days of failures anew', async () => {
    app.receiver.answer = answerWith(500);
    await app.grant();
    await app.dispatch();
    app.service.clock.advance(5 * 86_400_000);
    await app.call('PATCH', app.path, { url: `${app.receiver.url}/second` });
    await app.dispatch();
    expect((await app.call('GET', app.path)).body).toMatchObject({ status: 'enabled' });
  });

  it('of its secret, five times, keeps the last five: each signs while its overlap lasts', async () => {
    const secrets = [app.endpoint.secret];
    for (let round = 0; round < 5; round += 1) {
      const rotated = await app.call('POST', `${app.path}/rotate-secret`);
      secrets.push(text(rotated.body, 'secret'));
    }
    await app.grant();
    await app.dispatch();
    const [message] = app.receiver.received;
    const now = app.service.clock.now();
    const verified = secrets.map((secret) => message && verifies(message, secret, now));
    expect(verified).toEqual([false, true, true, true, true, true]);
    const signature = String(message?.headers['webhook-signature']).split(' ');
    expect(signature).toHaveLength(5);
  });

  it('of its secret without an overlap ends every other secret, also of earlier rotations', async () => {
    const first = text((await app.call('POST', `${app.path}/rotate-secret`)).body, 'secret');
    const last = await app.call('POST', `${app.path}/rotate-secret`, { overlap_seconds: 0 });
    await app.grant();
    await app.dispatch();
    const [message] = app.receiver.received;
    const secrets = [app.endpoint.secret, first, text(last.body, 'secret')];
    const now = app.service.clock.now();
    expect(secrets.map((secret) => message && verifies(message, secret, now))).toEqual([
      ...[false, false, true],
    ]);
  });
});

describe('a test', () => {
  it('is refused while four of the project run, whose slots are free again afterwards', async () => {
    app.receiver.answer = hang;
    const running = Array.from({ length: 4 }, () => app.call('POST', `${app.path}/test`));
    await app.receiver.until(4);
    expect(await app.call('POST', `${app.path}/test`)).toMatchObject({
      status: 429,
      body: { code: 'too_many_requests' },
    });
    const other = await app.create({ url: 'http://127.0.0.1:9/' }, app.world.other.key);
    const ofOther = `/admin/webhook-endpoints/${other.id}/test`;
    expect(await app.call('POST', ofOther, undefined, app.world.other.key)).toMatchObject({
      status: 200,
      body: { delivered: false, error: 'connection_failed' },
    });
    app.receiver.reset();
    for (const each of running) expect(await each).toMatchObject({ body: { delivered: false } });
    app.receiver.answer = answerWith(204);
    expect(await app.call('POST', `${app.path}/test`)).toMatchObject({
      body: { delivered: true, status: 204 },
    });
  });
});
