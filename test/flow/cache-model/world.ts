import { createCache, type EntitlementCache } from '../../../src/entitlements/cache.ts';
import { changeUser } from '../../../src/entitlements/change.ts';
import type {
  Facts,
  FeatureFact,
  GrantFact,
  RevocationFact,
} from '../../../src/entitlements/facts.ts';
import { readEntitlements } from '../../../src/entitlements/read.ts';
import { sweepPendingCache } from '../../../src/entitlements/sweeps.ts';
import { applyPicture } from '../../../src/mirror/apply.ts';
import { emptyPicture } from '../../../src/mirror/picture.ts';
import { newId } from '../../../src/platform/ids.ts';
import type { Redis } from '../../../src/platform/redis.ts';
import { drawNumber } from '../../../src/webhook/followed.ts';
import { TestClock } from '../../helpers/clock.ts';
import { at } from '../../helpers/json.ts';
import { startTestService, testStart, type TestService } from '../../helpers/service.ts';
import { oracleAt } from '../../unit/entitlements/oracle.ts';

/** All that was ever written about one user. */
export interface WrittenFacts {
  userId: string;
  grants: GrantFact[];
  revocations: RevocationFact[];
  subscription: { id: string; startDate: number; endedAt: number | null } | null;
}

type InstanceNumber = 0 | 1;

interface Writer {
  grant(facts: WrittenFacts, validTo: number | null): Promise<void>;
  endGrant(facts: WrittenFacts): Promise<void>;
  revoke(facts: WrittenFacts, validTo: number | null): Promise<void>;
  lift(facts: WrittenFacts): Promise<void>;
  subscription(facts: WrittenFacts, active: boolean): Promise<void>;
}

/** Two instances on one database and one Redis, with users whom nobody has asked about. */
interface Round {
  userIds: [string, string];
  instances: Record<InstanceNumber, { reachesRedis: boolean }>;
  read(instance: InstanceNumber, userId: string): Promise<string>;
  /** The reader has asked Postgres; the rest of its way is gone when it is told to finish. */
  beginSlowRead(instance: InstanceNumber, userId: string): Promise<() => Promise<string>>;
  /** @param killed after its commit, before it tells the cache. */
  writer(instance: InstanceNumber, killed: boolean): Writer;
  /** Time passes for the service and for what Redis keeps. */
  pass(ms: number): Promise<void>;
  emptyRedis(): Promise<void>;
  sweep(instance: InstanceNumber): Promise<void>;
}

export interface CacheWorld {
  clock: TestClock;
  cacheTtlMs: number;
  /** What is to be answered about a user at an instant, as text to compare. */
  oracle(facts: WrittenFacts, instant: number): string;
  newRound(): Promise<Round>;
  close(): Promise<void>;
}

const feature: FeatureFact = { code: 'export', type: 'boolean', merge: 'max', perQuantity: false };
const priceId = 'price_pro';
const productId = 'prod_pro';

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

/** Answers as text to compare, whatever order their fields have. */
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

function factsOf({ grants, revocations, subscription }: WrittenFacts): Facts {
  return {
    policy: { graceDays: 7, refundFull: 'revoke', refundPartial: 'keep', disputeOpened: 'keep' },
    features: [feature],
    carries: {
      [priceId]: {
        priceId,
        productId,
        rank: 0,
        accessDays: null,
        features: { [feature.code]: true },
      },
    },
    subscriptions:
      subscription === null
        ? []
        : [
            {
              ...subscription,
              status: subscription.endedAt === null ? 'active' : 'canceled',
              cancelAt: null,
              cancelAtPeriodEnd: false,
              canceledAt: subscription.endedAt,
              pausedAt: null,
              dunningAnchorAt: null,
              items: [
                {
                  id: `si_${subscription.id}`,
                  priceId,
                  productId,
                  quantity: 1,
                  createdAt: subscription.startDate,
                  currentPeriodEnd: subscription.startDate + 30 * 86_400_000,
                },
              ],
            },
          ],
    purchases: [],
    grants,
    revocations,
  };
}

function openRound(service: TestService, redis: Redis, projectId: string, number: number): Round {
  const { deps, clock } = service;
  const { database } = deps;
  const instances = { 0: { reachesRedis: true }, 1: { reachesRedis: true } };
  const cacheOf = (instance: InstanceNumber): EntitlementCache =>
    createCache({
      ...deps,
      redis: unreliable(redis, () => instances[instance].reachesRedis),
      cacheTtlSeconds: deps.config.cacheTtlSeconds,
    });
  const caches = { 0: cacheOf(0), 1: cacheOf(1) };
  const nextNumber = (facts: WrittenFacts): number =>
    facts.grants.length + facts.revocations.length + 1;
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
    writer(instance, killed) {
      const cache = killed
        ? { ...caches[instance], forget: () => Promise.resolve() }
        : caches[instance];
      const change = async (
        userId: string,
        write: Parameters<typeof changeUser>[3],
      ): Promise<void> => {
        await changeUser({ ...deps, cache }, projectId, userId, write);
      };
      const open = { projectId, featureCode: feature.code, reason: 'model', auditId: 'au_model' };
      return {
        async grant(facts, validTo) {
          const id = newId('gr');
          const validFrom = clock.now();
          const createdAt = new Date(validFrom);
          await change(facts.userId, (tx, { uid }) =>
            tx.grant.create({
              data: {
                ...open,
                id,
                uid,
                value: true,
                validFrom: createdAt,
                validTo: validTo === null ? null : new Date(validTo),
                createdAt,
              },
            }),
          );
          const number = nextNumber(facts);
          const { code: featureCode } = feature;
          facts.grants.push({
            id,
            featureCode,
            value: true,
            validFrom,
            validTo,
            endedAt: null,
            number,
          });
        },
        async endGrant(facts) {
          const one = facts.grants.find(({ endedAt }) => endedAt === null);
          const endedAt = clock.now();
          await change(facts.userId, (tx) =>
            tx.grant.updateMany({
              where: { id: one?.id ?? 'none' },
              data: { endedAt: new Date(endedAt) },
            }),
          );
          if (one !== undefined) one.endedAt = endedAt;
        },
        async revoke(facts, validTo) {
          const id = newId('rv');
          const validFrom = clock.now();
          const createdAt = new Date(validFrom);
          await change(facts.userId, (tx, { uid }) =>
            tx.revocation.create({
              data: {
                ...open,
                id,
                uid,
                validFrom: createdAt,
                validTo: validTo === null ? null : new Date(validTo),
                block: false,
                createdAt,
              },
            }),
          );
          facts.revocations.push({
            id,
            featureCode: feature.code,
            validFrom,
            validTo,
            liftedAt: null,
            number: nextNumber(facts),
            recordedAt: validFrom,
            block: false,
          });
        },
        async lift(facts) {
          const one = facts.revocations.find(({ liftedAt }) => liftedAt === null);
          const liftedAt = clock.now();
          await change(facts.userId, (tx) =>
            tx.revocation.updateMany({
              where: { id: one?.id ?? 'none' },
              data: { liftedAt: new Date(liftedAt) },
            }),
          );
          if (one !== undefined) one.liftedAt = liftedAt;
        },
        async subscription(facts, active) {
          const now = clock.now();
          facts.subscription ??= { id: `sub_${facts.userId}`, startDate: now, endedAt: null };
          // What was canceled stays so.
          if (!active) facts.subscription.endedAt ??= now;
          const { id, startDate, endedAt } = facts.subscription;
          const start = new Date(startDate);
          const picture = {
            ...emptyPicture(),
            subscriptions: [
              {
                id,
                customerId: `cus_${facts.userId}`,
                status: endedAt === null ? 'active' : 'canceled',
                currency: 'usd',
                collectionMethod: 'charge_automatically',
                createdAt: start,
                startDate: start,
                endedAt: endedAt === null ? null : new Date(endedAt),
                cancelAt: null,
                cancelAtPeriodEnd: false,
                canceledAt: endedAt === null ? null : new Date(endedAt),
                trialStart: null,
                trialEnd: null,
                pausedAt: null,
                collectionPaused: false,
                dunningAnchorAt: null,
                metadataProjectId: projectId,
                metadataUserId: facts.userId,
                items: [
                  {
                    id: `si_${id}`,
                    subscriptionId: id,
                    priceId,
                    productId,
                    quantity: 1,
                    createdAt: start,
                    currentPeriodStart: start,
                    currentPeriodEnd: new Date(startDate + 30 * 86_400_000),
                    position: 0,
                  },
                ],
              },
            ],
          };
          await applyPicture({ ...deps, cache }, picture, await drawNumber(database));
        },
      };
    },
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
