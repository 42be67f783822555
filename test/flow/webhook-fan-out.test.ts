import { describe, expect, it } from 'vitest';
import { keepHouse } from '../../src/ops/housekeeping.ts';
import { fanOut } from '../../src/outbound/fan-out.ts';
import { measureWebhooks } from '../../src/outbound/measure.ts';
import { at } from '../helpers/json.ts';
import { useEndpoint } from '../helpers/webhook-endpoint.ts';
import { answerWith } from '../helpers/webhook-receiver.ts';

/* How changes become deliveries, and what the metrics show of them. */

const lines: string[] = [];
const app = useEndpoint({ log: { write: (line: string) => void lines.push(line) } });

describe('deliveries', () => {
  it('are written once, however many instances write at once, to every endpoint of the project', async () => {
    const second = await app.create({ url: `${app.receiver.url}/second` });
    for (let count = 0; count < 10; count += 1) await app.grant();
    await app.service.deps.feed.look();
    await Promise.all(Array.from({ length: 6 }, () => fanOut(app.service.deps)));
    await fanOut(app.service.deps);
    for (const { id } of [app.endpoint, second]) {
      const written = await app.world.deliveries(id);
      expect(written).toHaveLength(10);
    }
    await app.dispatch();
    expect(app.receiver.received).toHaveLength(20);
    expect(new Set(app.idsSent()).size).toBe(20);
    await app.call('DELETE', `/admin/webhook-endpoints/${second.id}`);
  });

  it('are left to the instance that wrote them first: none becomes pending again', async () => {
    await app.grant();
    await app.service.deps.feed.look();
    const { database } = app.service.deps;
    // This instance is paused after it has read the page, while the other one writes and sends.
    const asked = database.pool.query.bind(database.pool) as (
      text: string,
      values?: unknown[],
    ) => Promise<unknown>; // the form that the feed uses
    const query = async (text: string, values?: unknown[]): Promise<unknown> => {
      const result = await asked(text, values);
      if (text.includes('from change_feed')) await app.dispatch();
      return result;
    };
    // `Object.create` returns `any`.
    const pool = Object.assign(Object.create(database.pool) as typeof database.pool, { query });
    await fanOut({ ...app.service.deps, database: { ...database, pool } });
    expect(await app.deliveries()).toMatchObject([{ status: 'delivered' }]);
    await app.dispatch();
    expect(app.receiver.received).toHaveLength(1);
  });

  it('continue with the oldest change that is kept if changes were deleted before they were written', async () => {
    const { deps, clock } = app.service;
    await app.grant();
    await deps.feed.look();
    clock.advance(8 * 86_400_000);
    await keepHouse({ ...deps, eventRetentionDays: 30, changeRetentionDays: 7 });
    const kept = await app.grant();
    await app.dispatch();
    expect(app.receiver.received.map(({ body }) => body.data['user_id'])).toEqual([kept]);
    const last = await app.grant();
    await app.dispatch();
    expect(app.receiver.received.at(-1)?.body.data['user_id']).toBe(last);
  });

  it('that are never written, since their changes were deleted, are reported with their endpoints', async () => {
    const { deps, clock } = app.service;
    const purge = async (): Promise<unknown[]> => {
      clock.advance(8 * 86_400_000);
      lines.length = 0;
      await keepHouse({ ...deps, eventRetentionDays: 30, changeRetentionDays: 7 });
      return lines
        .filter((line) => line.includes('changes were deleted before their webhooks'))
        .map((line) => at(JSON.parse(line), 'endpointIds'));
    };
    const { id } = await app.create({ url: app.receiver.url });
    await app.call('PATCH', `/admin/webhook-endpoints/${id}`, { status: 'disabled' });
    await app.create({ url: app.receiver.url }, app.world.other.key);
    await app.grant();
    await deps.feed.look();
    // Its position is that of the change.
    await app.create({ url: app.receiver.url });
    expect(await purge()).toEqual([[app.endpoint.id]]);
    await app.dispatch();
    await app.grant();
    await app.dispatch();
    expect(await purge()).toEqual([]);
  });

  it('of a long backlog are written page by page, none skipped', async () => {
    await app.service.deps.database.pool.query(
      `insert into users (project_id, user_id, created_at, next_boundary_at, next_end_at)
       select 'notes', 'many_' || n, now(), null, null from generate_series(1, 2500) n`,
    );
    await app.service.deps.database.pool.query(
      `insert into changes (uid, project_id, revision, cause, at, recorded_at, gained, lost, changed)
       select uid, project_id, 1, 'operator', now(), now(), '{export}', '{}', '{}' from users
       where user_id like 'many_%'`,
    );
    await app.service.deps.feed.look();
    let rounds = 1;
    while (await fanOut(app.service.deps)) rounds += 1;
    expect(rounds).toBe(3);
    const { prisma } = app.service.deps.database;
    expect(await prisma.webhookDelivery.count({ where: { endpointId: app.endpoint.id } })).toBe(
      2_500,
    );
  });
});

it('the metrics show what is due, what was not accepted, and what the service disabled', async () => {
  const { deps, clock } = app.service;
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
  app.receiver.answer = answerWith(500);
  await app.grant();
  await app.dispatch();
  clock.advance(4_000);
  expect(await measured()).toEqual([0, 4, 0]);
  clock.advance(3_000);
  const [due, undelivered] = await measured();
  expect(due).toBeGreaterThanOrEqual(2);
  expect(undelivered).toBe(7);
  app.receiver.answer = answerWith(410);
  await app.dispatch();
  expect(await measured()).toEqual([0, 0, 1]);
  await app.call('PATCH', app.path, { status: 'enabled' });
  app.receiver.answer = answerWith(200);
  clock.advance(3_600_000);
  await app.dispatch();
  expect(await measured()).toEqual([0, 0, 0]);
});
