import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { sweepBoundaries } from '../../src/changes/boundaries.ts';
import { createFeed, type Feed } from '../../src/changes/feed.ts';
import type { PublishedChange } from '../../src/changes/load-changes.ts';
import { lockUsersAtBoundary } from '../../src/entitlements/users.ts';
import { openRedis, type Redis } from '../../src/platform/redis.ts';
import { countAlarms } from '../helpers/alarms.ts';
import type { TestService } from '../helpers/service.ts';
import { startTwoProjects } from '../helpers/two-projects.ts';

let service: TestService;
let notes: { projectId: string; key: string };
let other: { projectId: string; key: string };
const feeds: Feed[] = [];

const hour = 3_600_000;

beforeAll(async () => {
  ({ service, notes, other } = await startTwoProjects({ export: 'boolean' }));
  await service.request('PUT', '/admin/features/export', {
    key: other.key,
    body: { name: 'export', type: 'boolean' },
  });
});
afterEach(() => Promise.all(feeds.splice(0).map((feed) => feed.stop())));
afterAll(() => service.close());

function openFeed(redis: Redis | null): Feed {
  const feed = createFeed({ ...service.deps, redis });
  feeds.push(feed);
  return feed;
}

async function grant(userIds: string[], key: string, until?: number): Promise<void> {
  const valid_to = until === undefined ? undefined : new Date(until).toISOString();
  const grants = userIds.map((user_id) => ({ user_id, feature_code: 'export', valid_to }));
  await service.request('POST', '/admin/grants/bulk', { key, body: { reason: 'a test', grants } });
}

const seen = (): {
  users: string[];
  read: (changes: readonly PublishedChange[] | 'gap') => void;
} => {
  const users: string[] = [];
  return {
    users,
    read: (changes) => {
      users.push(...(changes === 'gap' ? ['a gap'] : changes.map(({ userId }) => userId)));
    },
  };
};

describe('the feed of an instance', () => {
  it('hears of what another instance published, without looking itself', async () => {
    const redis = openRedis(inject('redisUrl'), () => undefined);
    try {
      if (redis.status !== 'ready') await once(redis, 'ready');
      const [one, another] = [openFeed(redis), openFeed(redis)];
      await Promise.all([one.look(), another.look()]);
      const { users, read } = seen();
      await another.follow({ projectId: 'notes' }, read);
      // Its subscription takes a moment, and what came before it is for the next look.
      await expect
        .poll(async () => {
          await grant([`u_${Math.random()}`], notes.key);
          await one.look();
          return users.length;
        })
        .toBeGreaterThan(0);
    } finally {
      redis.disconnect();
    }
  });

  it('hands a change to the readers of its project and its user, and to those of all projects', async () => {
    const feed = openFeed(null);
    const [all, project, user, foreign] = [seen(), seen(), seen(), seen()];
    await feed.follow({ projectId: null }, all.read);
    await feed.follow({ projectId: 'notes' }, project.read);
    await feed.follow({ projectId: 'notes', userId: 'bo' }, user.read);
    const left = await feed.follow({ projectId: 'other' }, foreign.read);
    await grant(['ann', 'bo'], notes.key);
    await feed.look();
    left.leave();
    await grant(['cy'], other.key);
    await feed.look();
    expect([all.users, project.users, user.users, foreign.users]).toEqual([
      ['ann', 'bo', 'cy'],
      ['ann', 'bo'],
      ['bo'],
      [],
    ]);
  });

  it('reports a gap where changes were deleted before it read them', async () => {
    const feed = openFeed(null);
    const { users, read } = seen();
    await feed.follow({ projectId: 'notes', userId: 'di' }, read);
    await grant(['di'], notes.key);
    const { pool } = service.deps.database;
    await pool.query('select publish_changes(1000)');
    await pool.query('update change_feed set deleted_position = last_position');
    await feed.look();
    expect(users).toEqual(['a gap']);
  });
});

describe('a sweep of boundaries', () => {
  it('takes its share of every project, however many are due in one', async () => {
    const until = service.clock.now() + hour;
    await grant(
      Array.from({ length: 30 }, (_, number) => `noisy_${number}`),
      notes.key,
      until,
    );
    await grant(['quiet'], other.key, until + 1_000);
    service.clock.set(until + 2_000);
    const asked = { now: service.clock.now(), limit: 10, failedBefore: 0 };
    const locked = await service.deps.database.transaction((tx) => lockUsersAtBoundary(tx, asked));
    expect(locked).toHaveLength(6);
    expect(locked.map(({ userId }) => userId)).toContain('quiet');
    expect(await sweepBoundaries(service.deps)).toBe(31);
    expect(await sweepBoundaries(service.deps)).toBe(0);
  });

  it('is not held up by a user whose changes cannot be stored in time; the user follows later', async () => {
    const { database } = service.deps;
    const until = service.clock.now() + hour;
    await grant(['stuck', 'free_1', 'free_2', 'free_3'], notes.key, until);
    await database.pool.query(`
      create function be_stuck() returns trigger language plpgsql as $$
      begin
        if new.cause = 'boundary' and new.uid = (select uid from users where user_id = 'stuck') then
          raise exception 'too slow' using errcode = '57014';
        end if;
        return new;
      end $$;
      create trigger be_stuck before insert on changes for each row execute function be_stuck();`);
    service.clock.set(until);
    const told = async (): Promise<string[]> => {
      const { rows } = await database.pool.query<{ user_id: string }>(
        `select u.user_id from changes c join users u using (uid)
         where c.cause = 'boundary' and c.at = $1 order by 1`,
        [new Date(until)],
      );
      return rows.map(({ user_id }) => user_id);
    };
    const alarms = () => countAlarms(service, 'timeline_not_computed');
    const before = await alarms();
    await sweepBoundaries(service.deps);
    expect(await told()).toEqual(['free_1', 'free_2', 'free_3']);
    expect(await alarms()).toBe(before + 1);
    await sweepBoundaries(service.deps);
    expect(await alarms()).toBe(before + 1);
    await database.pool.query('drop trigger be_stuck on changes');
    service.clock.advance(6 * 60_000);
    await sweepBoundaries(service.deps);
    expect(await told()).toEqual(['free_1', 'free_2', 'free_3', 'stuck']);
  });
});
