import { describe, expect, it } from 'vitest';
import { at, text } from '../helpers/json.ts';
import { useEndpoint } from '../helpers/webhook-endpoint.ts';
import { answerWith, startReceiver } from '../helpers/webhook-receiver.ts';

/* What follows an attempt that failed, or whose process was killed. */

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

const app = useEndpoint();

describe('a failed attempt', () => {
  it('is repeated after 5 s, 5 min, 30 min, 2, 5, 10, 14, 20 and 24 h under one id, then fails', async () => {
    app.receiver.answer = answerWith(500, {}, 'down for a moment');
    await app.grant();
    await app.dispatch();
    const waits = [5_000, 5 * minute, 30 * minute];
    waits.push(...[2, 5, 10, 14, 20, 24].map((hours) => hours * hour));
    for (const [nth, wait] of waits.entries()) {
      app.service.clock.advance(0.89 * wait);
      await app.dispatch();
      expect(app.receiver.received).toHaveLength(nth + 1);
      app.service.clock.advance(0.11 * wait);
      await app.dispatch();
      expect(app.receiver.received).toHaveLength(nth + 2);
    }
    const ids = new Set(app.receiver.received.map(({ headers }) => headers['webhook-id']));
    expect(ids.size).toBe(1);
    const stamps = new Set(
      app.receiver.received.map(({ headers }) => headers['webhook-timestamp']),
    );
    expect(stamps.size).toBe(10);
    const [delivery] = await app.deliveries('?status=failed');
    expect(delivery).toMatchObject({ status: 'failed', next_attempt_at: null });
    expect(at(delivery, 'attempts')).toHaveLength(10);
    expect(at(delivery, 'attempts', 0)).toMatchObject({
      status: 500,
      error: 'status_not_2xx',
      response: 'down for a moment',
    });
    app.service.clock.advance(10 * day);
    await app.dispatch();
    expect(app.receiver.received).toHaveLength(10);
  });

  it('waits as long as `Retry-After` asks, up to an hour', async () => {
    app.receiver.answer = answerWith(503, { 'retry-after': '1800' });
    await app.grant();
    await app.dispatch();
    app.service.clock.advance(30 * minute - 1);
    await app.dispatch();
    expect(app.receiver.received).toHaveLength(1);
    app.receiver.answer = answerWith(429, { 'retry-after': '86400' });
    app.service.clock.advance(1);
    await app.dispatch();
    expect(app.receiver.received).toHaveLength(2);
    app.service.clock.advance(hour - 1);
    await app.dispatch();
    expect(app.receiver.received).toHaveLength(2);
    app.service.clock.advance(1);
    await app.dispatch();
    expect(app.receiver.received).toHaveLength(3);
  });

  it('is a redirect too, which is not followed', async () => {
    const target = await startReceiver();
    app.receiver.answer = answerWith(307, { location: target.url });
    await app.grant();
    await app.dispatch();
    expect(target.received).toEqual([]);
    expect(await app.deliveries()).toMatchObject([
      { status: 'pending', attempts: [{ status: 307, error: 'redirect_not_followed' }] },
    ]);
    await target.close();
  });

  it('stores the first kilobyte of the answer', async () => {
    app.receiver.answer = answerWith(500, {}, `\0${'a'.repeat(100_000)}`);
    await app.grant();
    await app.dispatch();
    const [delivery] = await app.deliveries();
    const response = text(delivery, 'attempts', 0, 'response');
    expect(Buffer.byteLength(response)).toBeLessThanOrEqual(1_026);
    expect(response).toMatch(/^\uFFFDa+$/);
  });
});

describe('a killed process', () => {
  it('loses no message: what it had claimed is sent again after the lease, under the same id', async () => {
    const { pool } = app.service.deps.database;
    await app.grant();
    await app.service.deps.feed.look();
    // As if a process had died right after it claimed and sent: the answer was never recorded.
    await app.dispatch();
    await pool.query(
      `update webhook_deliveries set status = 'pending', attempts = '[]', tries = 0,
         next_attempt_at = $1, leased_until = $2 where endpoint_id = $3`,
      [
        new Date(app.service.clock.now()),
        new Date(app.service.clock.now() + 30_000),
        app.endpoint.id,
      ],
    );
    await app.dispatch();
    expect(app.receiver.received).toHaveLength(1);
    app.service.clock.advance(30_000);
    await app.dispatch();
    expect(app.receiver.received).toHaveLength(2);
    expect(new Set(app.receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
  });
});
