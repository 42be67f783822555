import { beforeAll, describe, expect, it } from 'vitest';
import { sweepExpiring } from '../../src/outbound/expiring.ts';
import { countAlarms } from '../helpers/alarms.ts';
import { putFeature } from '../helpers/two-projects.ts';
import { useEndpoint } from '../helpers/webhook-endpoint.ts';

const minute = 60_000;
const day = 24 * 60 * minute;

const app = useEndpoint();
beforeAll(() => putFeature(app.service, app.world.notes.key, 'pages', 'limit'));

describe('a notice of an end', () => {
  it('comes once per end, the notice period ahead', async () => {
    await app.call('PATCH', '/admin/projects/notes', { settings: { expiring_notice_days: 7 } });
    const end = app.service.clock.now() + 10 * day;
    const userId = await app.grant({ valid_to: new Date(end).toISOString() });
    const expiring = (): unknown[] =>
      app.receiver.received.filter(({ body }) => body.type === 'entitlements.expiring');
    const sweep = async (): Promise<void> => {
      await sweepExpiring(app.service.deps);
      await app.dispatch();
    };
    await sweep();
    app.service.clock.set(end - 7 * day - 1);
    await sweep();
    expect(expiring()).toEqual([]);
    app.service.clock.advance(1);
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
    await app.call('POST', '/admin/grant', {
      ...{ user_id: userId, feature_code: 'pages', value: 5, reason: 'a test' },
      valid_to: new Date(end - day).toISOString(),
    });
    await sweep();
    expect(expiring()).toHaveLength(2);
    expect(expiring()[1]).toMatchObject({ body: { data: { expiring: ['pages'] } } });
    await app.call('PATCH', '/admin/projects/notes', { settings: { expiring_notice_days: 0 } });
  });

  it('is not held up by a user whose notice cannot be written in time; the user follows later', async () => {
    const { database } = app.service.deps;
    await app.call('PATCH', '/admin/projects/notes', { settings: { expiring_notice_days: 7 } });
    const valid_to = new Date(app.service.clock.now() + day).toISOString();
    const stuck = await app.grant({ valid_to });
    const free = [await app.grant({ valid_to }), await app.grant({ valid_to })];
    await database.pool.query(`
      create function be_stuck() returns trigger language plpgsql as $$
      begin
        if new.uid = (select uid from users where user_id = '${stuck}') then
          raise exception 'too slow' using errcode = '57014';
        end if;
        return new;
      end $$;
      create trigger be_stuck before insert on expiring_notices
        for each row execute function be_stuck();`);
    const noticed = async (): Promise<string[]> => {
      const { rows } = await database.pool.query<{ user_id: string }>(
        `select data ->> 'user_id' as user_id from webhook_deliveries
         where endpoint_id = $1 and type = 'entitlements.expiring' order by 1`,
        [app.endpoint.id],
      );
      return rows.map(({ user_id }) => user_id);
    };
    const alarms = () => countAlarms(app.service, 'timeline_not_computed');
    const before = await alarms();
    await sweepExpiring(app.service.deps);
    expect(await noticed()).toEqual(free);
    expect(await alarms()).toBe(before + 1);
    await sweepExpiring(app.service.deps);
    expect(await alarms()).toBe(before + 1);
    await database.pool.query('drop trigger be_stuck on expiring_notices');
    app.service.clock.advance(6 * minute);
    await sweepExpiring(app.service.deps);
    expect(await noticed()).toEqual([stuck, ...free]);
  });
});
