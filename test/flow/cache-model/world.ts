import { createCache, type EntitlementCache } from '../../../src/entitlements/read/cache.ts';
import { readEntitlements } from '../../../src/entitlements/read/read-entitlements.ts';
import { sweepPendingCache } from '../../../src/entitlements/refresh/sweeps.ts';
import { newId } from '../../../src/platform/ids.ts';
import type { Redis } from '../../../src/platform/redis.ts';
import { TestClock } from '../../helpers/clock.ts';
import { at } from '../../helpers/json.ts';
import { startTestService, testStart, type TestService } from '../../helpers/service.ts';
import { oracleAt } from '../../unit/entitlements/oracle.ts';
import { createWriter, type Writer } from './writer.ts';
import { factsOf, feature, productId, type WrittenFacts } from './written-facts.ts';

type InstanceNumber = 0 | 1;

/** Two instances on one database and one Redis, with users who were never read. */
interface Round {
  userIds: [string, string];
  instances: Record<InstanceNumber, { reachesRedis: boolean }>;
  read(instance: InstanceNumber, userId: string): Promise<string>;
  /** Resolves when the reader has queried Postgres; the returned function lets it finish. */
  beginSlowRead(instance: InstanceNumber, userId: string): Promise<() => Promise<string>>;
  /** @param killed after its commit, before it invalidates the cache. */
  writer(instance: InstanceNumber, killed: boolean): Writer;
  /** Time passes for the service and for what Redis keeps. */
  pass(ms: number): Promise<void>;
  emptyRedis(): Promise<void>;
  sweep(instance: InstanceNumber): Promise<void>;
}

export interface CacheWorld {
  clock: TestClock;
  cacheTtlMs: number;
  /** Returns the correct answer for a user at an instant, as text to compare. */
  oracle(facts: WrittenFacts, instant: number): string;
  newRound(): Promise<Round>;
  close(): Promise<void>;
}

export async function openCacheWorld(): Promise<CacheWorld> {
  const clock = new TestClock(testStart);
  const service = await startTestService({ clock });
  const { redis } = service.deps;
  if (redis === null) throw new Error('the model is about Redis');
  const projectId = `model_${newId('x').slice(-10)}`;
  await service.createProject(projectId);
  await stock(service, projectId);
  let rounds = 0;
  return {
    clock,
    cacheTtlMs: service.deps.config.cacheTtlSeconds * 1_000,
    oracle: (facts, instant) => {
      const { reason, value, sources } = oracleAt(factsOf(facts), feature, instant);
      return textOf(reason === 'granted' ? [{ value, sources }] : []);
    },
    newRound: () => {
      rounds += 1;
      return Promise.resolve(openRound(service, redis, projectId, rounds));
    },
    close: () => service.close(),
  };
}

/** Returns answers as text to compare, for any order of fields. */
function textOf(entries: unknown[]): string {
  return JSON.stringify(
    entries.map((entry) => {
      const sources = at(entry, 'sources');
      if (!Array.isArray(sources)) throw new Error('an answer names its sources');
      return [
        at(entry, 'value'),
        sources.map((source: unknown) => [at(source, 'type'), at(source, 'id')]),
      ];
    }),
  );
}

async function stock({ deps }: TestService, projectId: string): Promise<void> {
  const { prisma } = deps.database;
  const createdAt = new Date(testStart);
  await prisma.feature.create({
    data: { projectId, code: feature.code, name: 'Export', type: 'boolean', createdAt },
  });
  await prisma.product.create({
    data: {
      id: productId,
      projectId,
      takenAt: createdAt,
      name: 'Pro',
      active: true,
      features: { create: { projectId, featureCode: feature.code, value: true } },
    },
  });
}

function openRound(service: TestService, redis: Redis, projectId: string, number: number): Round {
  const { deps, clock } = service;
  const instances = { 0: { reachesRedis: true }, 1: { reachesRedis: true } };
  const cacheOf = (instance: InstanceNumber): EntitlementCache =>
    createCache({
      ...deps,
      redis: unreliable(redis, () => instances[instance].reachesRedis),
      cacheTtlSeconds: deps.config.cacheTtlSeconds,
    });
  const caches = { 0: cacheOf(0), 1: cacheOf(1) };
  const read = async (cache: EntitlementCache, userId: string): Promise<string> => {
    const { answer } = await readEntitlements({ ...deps, cache }, { projectId, userId });
    const entries = at(JSON.parse(answer.bodyText), 'entitlements');
    if (!Array.isArray(entries)) throw new Error(answer.bodyText);
    return textOf(entries);
  };
  const keys = (): Promise<string[]> => redis.keys(`latchkey:*:${projectId}:*`);

  return {
    userIds: [`u_${number}_a`, `u_${number}_b`],
    instances,
    read: (instance, userId) => read(caches[instance], userId),
    async beginSlowRead(instance, userId) {
      const cache = caches[instance];
      const asked = Promise.withResolvers<undefined>();
      const gate = Promise.withResolvers<undefined>();
      const slow: EntitlementCache = {
        ...cache,
        async load(user) {
          const stored = await cache.load(user);
          asked.resolve(undefined);
          await gate.promise;
          return stored;
        },
      };
      const answer = read(slow, userId);
      // A hit asks Postgres nothing.
      await Promise.race([asked.promise, answer]);
      return () => {
        gate.resolve(undefined);
        return answer;
      };
    },
    writer: (instance, killed) =>
      createWriter(
        service,
        killed ? { ...caches[instance], forget: () => Promise.resolve() } : caches[instance],
        projectId,
      ),
    async pass(ms) {
      clock.advance(ms);
      for (const key of await keys()) {
        const left = (await redis.pttl(key)) - ms;
        await (left <= 0 ? redis.del(key) : redis.pexpire(key, left));
      }
    },
    async emptyRedis() {
      for (const key of await keys()) await redis.del(key);
    },
    async sweep(instance) {
      await sweepPendingCache({ ...deps, cache: caches[instance] });
    },
  };
}

/** A Redis that one instance may lose sight of, while the other does not. */
function unreliable(redis: Redis, isReachable: () => boolean): Redis {
  return new Proxy(redis, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown =>
        isReachable()
          ? Reflect.apply(value, target, args)
          : Promise.reject(new Error('Redis cannot be reached'));
    },
  });
}
