import { once } from 'node:events';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { createCache, type EntitlementCache } from '../../src/entitlements/read/cache.ts';
import { type Read, readEntitlements } from '../../src/entitlements/read/read-entitlements.ts';
import type { UserName } from '../../src/entitlements/users.ts';
import { openRedis, type Redis } from '../../src/platform/redis.ts';
import { grantExport, startGrantingService } from '../helpers/granting.ts';
import { type RedisProxy, startRedisProxy } from '../helpers/redis-proxy.ts';
import type { TestService } from '../helpers/service.ts';

let service: TestService;

beforeAll(async () => {
  service = await startGrantingService();
});
afterAll(() => service.close());

let counter = 0;
function newUser(): UserName {
  counter += 1;
  return { projectId: 'notes', userId: `u_stress_${counter}` };
}

const grant = (user: UserName, cache?: EntitlementCache): Promise<void> =>
  grantExport(service, user, cache);

function read(user: UserName, cache: EntitlementCache = service.deps.cache): Promise<Read> {
  return readEntitlements({ ...service.deps, cache }, user);
}

function isEntitled({ answer }: Read): boolean {
  return answer.bodyText.includes('"export"');
}

/** Watches the queries for timelines; what they bring arrives only once they are released. */
function holdTimelines() {
  const { pool } = service.deps.database;
  const ask = pool.query.bind(pool);
  const held = Promise.withResolvers<undefined>();
  const begun = Promise.withResolvers<undefined>();
  let count = 0;
  // `never`: the spy is typed after the callback forms, which nothing here uses.
  const spy = vi.spyOn(pool, 'query').mockImplementation(((query: pg.QueryConfig) => {
    if (query.name !== 'load-timelines') return ask(query);
    count += 1;
    return ask(query).then(async (found) => {
      begun.resolve(undefined);
      await held.promise;
      return found;
    });
  }) as never);
  return {
    /** Resolves when Postgres has answered the first. */
    begun: begun.promise,
    count: () => count,
    release: () => {
      held.resolve(undefined);
    },
    restore: () => {
      spy.mockRestore();
    },
  };
}

/** The same cache, and a promise that this number of readers has passed Redis and waits for Postgres. */
function watchArrivals(cache: EntitlementCache, readers: number) {
  const arrived = Promise.withResolvers<undefined>();
  let count = 0;
  const load = (user: UserName) => {
    count += 1;
    if (count === readers) arrived.resolve(undefined);
    return cache.load(user);
  };
  return { arrived: arrived.promise, cache: { ...cache, load } };
}

describe('readers of one user at the same time', () => {
  it('cost two queries, whether one of them has the lease or Redis is not there', async () => {
    const { cache } = service.deps;
    const withoutRedis = createCache({ ...service.deps, redis: null, cacheTtlSeconds: 60 });
    for (const chosen of [cache, withoutRedis]) {
      const user = newUser();
      const timelines = holdTimelines();
      try {
        const first = read(user, chosen);
        await timelines.begun;
        const { arrived, cache: watched } = watchArrivals(chosen, 30);
        const others = Array.from({ length: 30 }, () => read(user, watched));
        await arrived;
        timelines.release();
        await Promise.all([first, ...others]);
        expect(timelines.count()).toBe(2);
      } finally {
        timelines.restore();
      }
    }
  });

  it('ask once which database this is, where they are the first of their process', async () => {
    const asked = vi.spyOn(service.deps.database.pool, 'query');
    const ofNewProcess = createCache({ ...service.deps, cacheTtlSeconds: 60 });
    try {
      await Promise.all(Array.from({ length: 30 }, () => read(newUser(), ofNewProcess)));
      const queries = asked.mock.calls.map(([query]: unknown[]) => query);
      expect(queries.filter((query) => String(query).includes('database_identity'))).toHaveLength(
        1,
      );
    } finally {
      asked.mockRestore();
    }
  });

  it('promise 3: one who comes after a change sees it, though a query from before it still runs', async () => {
    const user = newUser();
    const timelines = holdTimelines();
    try {
      const before = read(user);
      await timelines.begun;
      await grant(user);
      const { arrived, cache: watched } = watchArrivals(service.deps.cache, 1);
      const after = read(user, watched);
      await arrived;
      timelines.release();
      expect(isEntitled(await before)).toBe(false);
      expect(isEntitled(await after)).toBe(true);
    } finally {
      timelines.restore();
    }
    expect(isEntitled(await read(user))).toBe(true);
  });
});

describe('a Redis that no longer responds on a connection, as if its host were gone', () => {
  it('is connected to anew within seconds, and answers again', async () => {
    const proxy = await startRedisProxy(inject('redisUrl'));
    const redis = openRedis(proxy.url, () => undefined);
    try {
      await once(redis, 'ready');
      const readyAgain = new Promise((resolve) => redis.once('ready', resolve));
      proxy.strand();
      await expect(redis.get('anything')).rejects.toThrow('timed out');
      await readyAgain;
      redis.options.commandTimeout = 5_000;
      expect(await redis.get('anything')).toBeNull();
    } finally {
      redis.disconnect();
      await proxy.close();
    }
  });
});

describe('promise 7: users of one name in two projects, asked about at once', () => {
  it('get each the answer of their own project, from Postgres and from the cache', async () => {
    await service.createProject('tasks');
    const users = Array.from({ length: 40 }, (_, at): UserName => {
      return { projectId: at % 2 === 0 ? 'notes' : 'tasks', userId: `namesake_${at >> 1}` };
    });
    for (const user of users) if (user.projectId === 'notes') await grant(user);
    const timelines = holdTimelines();
    try {
      timelines.release();
      for (const from of ['miss', 'hit']) {
        const answers = await Promise.all(users.map((user) => read(user)));
        expect(answers.map((answer) => answer.from)).toEqual(users.map(() => from));
        expect(answers.map(isEntitled)).toEqual(
          users.map(({ projectId }) => projectId === 'notes'),
        );
        expect(answers.map(({ answer }) => JSON.parse(answer.bodyText) as unknown)).toMatchObject(
          users.map(({ projectId, userId }) => ({ project_id: projectId, user_id: userId })),
        );
      }
      // They did share queries: the answers were separated within one.
      expect(timelines.count()).toBeLessThan(users.length);
    } finally {
      timelines.restore();
    }
  });
});

describe('a Redis that hangs', () => {
  let proxy: RedisProxy;
  let redis: Redis;
  let cache: EntitlementCache;

  beforeAll(async () => {
    proxy = await startRedisProxy(inject('redisUrl'));
    redis = openRedis(proxy.url, () => undefined);
    await once(redis, 'ready');
    answerAgain();
    cache = createCache({ ...service.deps, redis, cacheTtlSeconds: 60 });
  });
  afterAll(async () => {
    redis.disconnect();
    await proxy.close();
  });

  /** Short only while nothing arrives, so that a busy machine never counts as a hanging Redis. */
  function hang(): void {
    redis.options.commandTimeout = 50;
    proxy.hold();
  }
  function answerAgain(): void {
    redis.options.commandTimeout = 5_000;
    proxy.release();
  }

  async function circuitGauge(): Promise<number | undefined> {
    return (await service.deps.metrics.redisCircuitOpen.get()).values[0]?.value;
  }

  it('costs three reads a wait, then none; one read every half second finds out that it is back', async () => {
    const user = newUser();
    await grant(user);
    expect((await read(user, cache)).from).toBe('miss');
    expect((await read(user, cache)).from).toBe('hit');
    const asked = vi.spyOn(redis, 'mget');

    hang();
    for (let wait = 1; wait <= 3; wait += 1) {
      const answered = await read(user, cache);
      expect([answered.from, isEntitled(answered)]).toEqual(['bypass', true]);
    }
    expect(await circuitGauge()).toBe(1);
    asked.mockClear();
    const crowd = await Promise.all(Array.from({ length: 20 }, () => read(user, cache)));
    expect(crowd.every((answered) => answered.from === 'bypass' && isEntitled(answered))).toBe(
      true,
    );
    expect(asked).not.toHaveBeenCalled();

    service.clock.advance(500);
    await Promise.all(Array.from({ length: 20 }, () => read(user, cache)));
    expect(asked).toHaveBeenCalledTimes(1);

    answerAgain();
    service.clock.advance(500);
    expect((await read(user, cache)).from).toBe('hit');
    expect(await circuitGauge()).toBe(0);
  });

  it('still receives the invalidation of a change, whatever its reads returned', async () => {
    const user = newUser();
    expect(isEntitled(await read(user))).toBe(false);
    hang();
    for (let wait = 1; wait <= 3; wait += 1) await read(user, cache);
    answerAgain();
    await grant(user, cache);
    expect(isEntitled(await read(user))).toBe(true);
  });
});
