import { describe, expect, it } from 'vitest';
import { sweepBoundaries } from '../../src/changes/boundaries.ts';
import { useEndpoint } from '../helpers/webhook-endpoint.ts';
import { answerWith, verifies } from '../helpers/webhook-receiver.ts';

/* What webhooks contain, and which endpoints get them. */

const hour = 3_600_000;
const day = 24 * hour;

const app = useEndpoint();

describe('a message', () => {
  it('says what changed and what the user may use now, signed as Standard Webhooks', async () => {
    const userId = await app.grant();
    await app.dispatch();
    const [message] = app.receiver.received;
    expect(message?.path).toBe('/hooks');
    expect(message?.body).toMatchObject({
      type: 'entitlements.changed',
      timestamp: new Date(app.service.clock.now()).toISOString(),
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
      'webhook-timestamp': String(app.service.clock.now() / 1_000),
    });
    expect(message && verifies(message, app.endpoint.secret, app.service.clock.now())).toBe(true);
    const forged = `whsec_${Buffer.alloc(32).toString('base64')}`;
    expect(message && verifies(message, forged, app.service.clock.now())).toBe(false);
    expect(await app.deliveries()).toMatchObject([
      {
        message_id: message?.headers['webhook-id'],
        status: 'delivered',
        next_attempt_at: null,
        attempts: [{ status: 200, error: null, response: '' }],
      },
    ]);
  });

  it('goes to the endpoints of its project alone', async () => {
    await app.service.request('PUT', '/admin/features/export', {
      key: app.world.other.key,
      body: { name: 'Export', type: 'boolean' },
    });
    await app.service.request('POST', '/admin/grant', {
      key: app.world.other.key,
      body: { user_id: 'eve', feature_code: 'export', reason: 'a test' },
    });
    await app.dispatch();
    expect(app.receiver.received).toEqual([]);
  });

  it('is sent to each endpoint whose types include it', async () => {
    const all = await app.create({
      url: `${app.receiver.url}/all`,
      types: ['entitlements.changed', 'entitlements.rescheduled'],
    });
    const start = app.service.clock.now();
    const userId = await app.grant({ valid_to: new Date(start + day).toISOString() });
    await app.call('POST', '/admin/grant', {
      ...{ user_id: userId, feature_code: 'export', reason: 'longer' },
      valid_to: new Date(start + 2 * day).toISOString(),
    });
    await app.dispatch();
    const seen = app.receiver.received.map(({ path, body }) => `${path} ${body.type}`).toSorted();
    expect(seen).toEqual([
      '/all entitlements.changed',
      '/all entitlements.rescheduled',
      '/hooks entitlements.changed',
    ]);
    await app.call('DELETE', `/admin/webhook-endpoints/${all.id}`);
  });

  it('leaves out the entitlements if it would be larger than 20 kB', async () => {
    const user_id = await app.grant();
    for (let number = 0; number < 40; number += 1) {
      const code = `f${number}_${'x'.repeat(90)}`;
      await app.service.request('PUT', `/admin/features/${code}`, {
        key: app.world.notes.key,
        body: { name: code, type: 'config' },
      });
      await app.call('POST', '/admin/grant', {
        ...{ user_id, feature_code: code, reason: 'a test' },
        value: { text: 'y'.repeat(500) },
      });
    }
    await app.dispatch();
    const last = app.receiver.received.find(({ body }) => body.data['revision'] === 41);
    expect(last?.body.data).toMatchObject({ user_id, truncated: true });
    expect(last?.body.data).not.toHaveProperty('entitlements');
    expect(app.receiver.received.every(({ text: body }) => Buffer.byteLength(body) < 20_000)).toBe(
      true,
    );
  });

  it('about a boundary comes at its instant', async () => {
    const end = app.service.clock.now() + hour;
    const userId = await app.grant({ valid_to: new Date(end).toISOString() });
    await app.dispatch();
    app.service.clock.set(end);
    await sweepBoundaries(app.service.deps);
    await app.dispatch();
    expect(app.receiver.received.at(-1)?.body.data).toMatchObject({
      user_id: userId,
      cause: 'boundary',
      at: new Date(end).toISOString(),
      lost: ['export'],
      entitlements: [],
    });
  });
});

it('erasing a user erases what endpoints answered about them', async () => {
  app.receiver.answer = answerWith(200, {}, 'thanks, mail sent to a@example.com');
  const userId = await app.grant();
  await app.dispatch();
  await app.call('DELETE', `/admin/users/${userId}?reason=asked`);
  expect(await app.deliveries()).toMatchObject([{ attempts: [{ status: 200, response: null }] }]);
});
