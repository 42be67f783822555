import { describe, expect, it } from 'vitest';
import { at, text } from '../helpers/json.ts';
import { useEndpoint } from '../helpers/webhook-endpoint.ts';
import { answerWith, verifies } from '../helpers/webhook-receiver.ts';

/* When an endpoint is disabled, and what an operator may ask of it. */

const hour = 3_600_000;
const day = 24 * hour;

const app = useEndpoint();

describe('an endpoint', () => {
  it('that answers 410 is disabled, with an audit row, and gets nothing more', async () => {
    app.receiver.answer = answerWith(410);
    await app.grant();
    await app.dispatch();
    expect(
      (await app.call('GET', `/admin/webhook-endpoints/${app.endpoint.id}`)).body,
    ).toMatchObject({
      status: 'disabled',
      disabled_reason: 'gone',
    });
    const audit = await app.call('GET', '/admin/audit?action=webhook_endpoint.disable');
    expect(at(audit.body, 'data', 0)).toMatchObject({
      actor: 'system',
      target: { id: app.endpoint.id },
      after: { disabled_reason: 'gone' },
    });
    await app.grant();
    app.service.clock.advance(day);
    await app.dispatch();
    expect(app.receiver.received).toHaveLength(1);
  });

  it('that fails for five days is disabled; once enabled, it gets what changes from then on', async () => {
    app.receiver.answer = answerWith(500);
    await app.grant();
    await app.dispatch();
    for (let hours = 0; hours < 5 * 24; hours += 6) {
      app.service.clock.advance(6 * hour);
      await app.grant();
      await app.dispatch();
    }
    const path = `/admin/webhook-endpoints/${app.endpoint.id}`;
    expect((await app.call('GET', path)).body).toMatchObject({
      status: 'disabled',
      disabled_reason: 'failing',
    });
    const before = app.receiver.received.length;
    const missed = await app.grant();
    app.service.clock.advance(day);
    await app.dispatch();
    expect(app.receiver.received).toHaveLength(before);
    app.receiver.answer = answerWith(200);
    await app.call('PATCH', path, { status: 'enabled' });
    const told = await app.grant();
    await app.dispatch();
    expect(app.usersSent()).toContain(told);
    expect(app.usersSent()).not.toContain(missed);
  });

  it('that succeeds in between is not disabled', async () => {
    const answers = [500, 200];
    app.receiver.answer = (response) =>
      response.writeHead(answers[app.receiver.received.length % 2] ?? 500).end();
    for (let days = 0; days < 8; days += 1) {
      await app.grant();
      await app.dispatch();
      app.service.clock.advance(day);
    }
    await app.dispatch();
    expect(
      (await app.call('GET', `/admin/webhook-endpoints/${app.endpoint.id}`)).body,
    ).toMatchObject({
      status: 'enabled',
    });
  });

  it('signs with both secrets after a rotation, until the overlap ends', async () => {
    const rotated = await app.call(
      'POST',
      `/admin/webhook-endpoints/${app.endpoint.id}/rotate-secret`,
      {
        overlap_seconds: 3_600,
      },
    );
    const secret = text(rotated.body, 'secret');
    expect(secret).not.toBe(app.endpoint.secret);
    await app.grant();
    await app.dispatch();
    const [first] = app.receiver.received;
    const now = app.service.clock.now();
    expect(first && verifies(first, secret, now)).toBe(true);
    expect(first && verifies(first, app.endpoint.secret, now)).toBe(true);
    app.service.clock.advance(hour);
    await app.grant();
    await app.dispatch();
    const [, second] = app.receiver.received;
    const later = app.service.clock.now();
    expect(second && verifies(second, secret, later)).toBe(true);
    expect(second && verifies(second, app.endpoint.secret, later)).toBe(false);
  });

  it('gets a test at once', async () => {
    const path = `/admin/webhook-endpoints/${app.endpoint.id}/test`;
    expect(await app.call('POST', path)).toMatchObject({
      status: 200,
      body: { delivered: true, status: 200 },
    });
    const [message] = app.receiver.received;
    expect(message?.body).toMatchObject({
      type: 'webhook.test',
      data: { project_id: 'notes', endpoint_id: app.endpoint.id },
    });
    expect(message && verifies(message, app.endpoint.secret, app.service.clock.now())).toBe(true);
    app.receiver.answer = answerWith(404);
    expect((await app.call('POST', path)).body).toMatchObject({
      delivered: false,
      status: 404,
      error: 'status_not_2xx',
    });
  });

  it('gets everything since an instant again, under the first ids', async () => {
    const early = await app.grant();
    await app.dispatch();
    app.service.clock.advance(hour);
    const from = new Date(app.service.clock.now()).toISOString();
    const late = [await app.grant(), await app.grant()];
    await app.dispatch();
    const ids = new Map(
      app.receiver.received.map(({ headers, body }) => [
        body.data['user_id'],
        headers['webhook-id'],
      ]),
    );
    app.receiver.received.length = 0;
    const path = `/admin/webhook-endpoints/${app.endpoint.id}/replay`;
    expect(await app.call('POST', path, { from })).toMatchObject({
      status: 202,
      body: { messages: 2 },
    });
    await app.dispatch();
    expect(app.usersSent().toSorted()).toEqual(late.toSorted());
    expect(app.usersSent()).not.toContain(early);
    for (const { headers, body } of app.receiver.received) {
      expect(headers['webhook-id']).toBe(ids.get(body.data['user_id']));
    }
  });

  it('gets a delivery once more when an operator retries it', async () => {
    await app.grant();
    await app.dispatch();
    const [delivery] = await app.deliveries();
    const id = text(delivery, 'id');
    expect(await app.call('POST', `/admin/webhook-deliveries/${id}/retry`)).toMatchObject({
      status: 202,
      body: { status: 'pending' },
    });
    await app.dispatch();
    expect(app.receiver.received).toHaveLength(2);
    expect(await app.deliveries()).toMatchObject([
      { id, status: 'delivered', attempts: [{ status: 200 }, { status: 200 }] },
    ]);
  });

  it('keeps the last 20 attempts of a delivery, however often an operator retries it', async () => {
    await app.grant();
    await app.dispatch();
    const id = text((await app.deliveries())[0], 'id');
    for (let retry = 1; retry <= 21; retry += 1) {
      app.receiver.answer = answerWith(200, {}, `retry ${retry}`);
      await app.call('POST', `/admin/webhook-deliveries/${id}/retry`);
      await app.dispatch();
    }
    expect(app.receiver.received).toHaveLength(22);
    const [delivery] = await app.deliveries();
    expect(delivery?.attempts.map((attempt) => at(attempt, 'response'))).toEqual(
      Array.from({ length: 20 }, (_, nth) => `retry ${nth + 2}`),
    );
  });
});
