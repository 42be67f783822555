import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type CacheWorld, openCacheWorld } from './cache-model/world.ts';
import type { WrittenFacts } from './cache-model/written-facts.ts';

/*
 * Promise 3, as a whole: two instances, one Redis that each of them may lose, slow readers, killed writers,
 * and time. Every answer is compared with a model without a cache. If Redis lost an invalidation, an older
 * answer is allowed until a sweep repeats it, and never longer than the published bound.
 */

const seconds = 1_000;

interface Step {
  kind:
    | 'read'
    | 'begin_slow_read'
    | 'end_slow_read'
    | 'grant'
    | 'end_grant'
    | 'revoke'
    | 'lift'
    | 'subscribe'
    | 'cancel'
    | 'pass'
    | 'lose_redis'
    | 'find_redis'
    | 'empty_redis'
    | 'sweep';
  instance: 0 | 1;
  user: 0 | 1;
  /** How long what begins now lasts, or how much time passes, milliseconds; 0 = open. */
  forMs: number;
  /** The writer is killed after its commit, before it invalidates the cache. */
  killed: boolean;
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.oneof(
    { weight: 5, arbitrary: fc.constant('read' as const) },
    {
      weight: 8,
      arbitrary: fc.constantFrom(
        'begin_slow_read',
        'end_slow_read',
        'grant',
        'end_grant',
        'revoke',
        'lift',
        'subscribe',
        'cancel',
        'pass',
      ),
    },
    {
      weight: 2,
      arbitrary: fc.constantFrom('lose_redis', 'find_redis', 'empty_redis', 'sweep'),
    },
  ),
  instance: fc.constantFrom(0, 1),
  user: fc.constantFrom(0, 1),
  forMs: fc.constantFrom(0, 1, 10 * seconds, 20 * seconds, 61 * seconds),
  killed: fc.oneof(
    { weight: 5, arbitrary: fc.constant(false) },
    { weight: 1, arbitrary: fc.constant(true) },
  ),
});

let world: CacheWorld;
beforeAll(async () => {
  world = await openCacheWorld();
});
afterAll(() => world.close());

/** The allowed answers for one user. */
class Model {
  readonly facts: WrittenFacts;
  /** Since when some answer may live on that a change took away, unknown to the cache; null: none. */
  untoldSince: number | null = null;
  /** What was correct at some instant since then. */
  readonly former = new Set<string>();
  readonly #world: CacheWorld;

  constructor(of: CacheWorld, userId: string) {
    this.#world = of;
    this.facts = { userId, grants: [], revocations: [], subscription: null };
  }

  now(): string {
    return this.#world.oracle(this.facts, this.#world.clock.now());
  }

  /** Records the correct answer before a change. */
  remember(): void {
    if (this.untoldSince !== null) this.former.add(this.now());
  }

  told(): void {
    this.untoldSince = null;
    this.former.clear();
  }

  allowed(): Set<string> {
    const bound = this.#world.cacheTtlMs;
    if (this.untoldSince !== null && this.#world.clock.now() >= this.untoldSince + bound)
      this.told();
    return new Set([this.now(), ...this.former]);
  }
}

const writes: ReadonlySet<Step['kind']> = new Set([
  'grant',
  'end_grant',
  'revoke',
  'lift',
  'subscribe',
  'cancel',
]);

async function play(steps: Step[]): Promise<void> {
  const round = await world.newRound();
  const models = round.userIds.map((userId) => new Model(world, userId));
  const slow: { user: number; seen: Set<string>; finish: () => Promise<string> }[] = [];
  const everyone = (): void => {
    for (const model of models) model.remember();
    for (const { user, seen } of slow)
      for (const one of models[user]?.allowed() ?? []) seen.add(one);
  };

  for (const [index, { kind, instance, user, forMs, killed }] of steps.entries()) {
    const model = models[user];
    if (model === undefined) throw new Error('there are two users');
    const where = `step ${index}: ${kind}`;
    if (writes.has(kind)) {
      // Changes of one millisecond are recorded apart, and no read goes behind the last: each has its own.
      everyone();
      await round.pass(1);
      everyone();
    }
    const now = world.clock.now();
    const validTo = forMs === 0 ? null : now + forMs;
    /** A change of the user, with or without its invalidation. */
    const write = async (change: () => Promise<void>): Promise<void> => {
      everyone();
      const before = model.now();
      await change();
      if (killed || !round.instances[instance].reachesRedis) {
        model.untoldSince = now;
        model.former.add(before);
      } else {
        model.told();
      }
      for (const each of slow) if (each.user === user) each.seen.add(model.now());
    };
    const writer = round.writer(instance, killed);

    switch (kind) {
      case 'read': {
        const answer = await round.read(instance, model.facts.userId);
        expect([...model.allowed()], where).toContain(answer);
        break;
      }
      case 'begin_slow_read':
        slow.push({
          user,
          seen: model.allowed(),
          finish: await round.beginSlowRead(instance, model.facts.userId),
        });
        break;
      case 'end_slow_read': {
        const one = slow.shift();
        if (one !== undefined) expect([...one.seen], where).toContain(await one.finish());
        break;
      }
      case 'grant':
        await write(() => writer.grant(model.facts, validTo));
        break;
      case 'end_grant':
        await write(() => writer.endGrant(model.facts));
        break;
      case 'revoke':
        await write(() => writer.revoke(model.facts, validTo));
        break;
      case 'lift':
        await write(() => writer.lift(model.facts));
        break;
      case 'subscribe':
      case 'cancel':
        await write(() => writer.subscription(model.facts, kind === 'subscribe'));
        break;
      case 'pass':
        everyone();
        await round.pass(forMs);
        everyone();
        break;
      case 'lose_redis':
      case 'find_redis':
        round.instances[instance].reachesRedis = kind === 'find_redis';
        break;
      case 'empty_redis':
        await round.emptyRedis();
        break;
      case 'sweep':
        everyone();
        // A sweep skips changes so recent that their writer may still invalidate the cache.
        await round.pass(3 * seconds);
        everyone();
        await round.sweep(instance);
        if (round.instances[instance].reachesRedis) for (const each of models) each.told();
        break;
      default:
        kind satisfies never;
    }
  }
  for (const one of slow) expect([...one.seen]).toContain(await one.finish());
}

it(
  'no answer is ever one that was not true after the last change that returned',
  { timeout: 300_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 30, size: 'max' }), play),
      {
        numRuns: Number(process.env['CACHE_MODEL_RUNS'] ?? 150),
        endOnFailure: process.env['CACHE_MODEL_SHRINK'] === undefined,
      },
    );
  },
);

it('the model is checked: its oracle distinguishes granted from denied', async () => {
  const facts: WrittenFacts = { userId: 'u', grants: [], revocations: [], subscription: null };
  expect(world.oracle(facts, world.clock.now())).toBe('[]');
  const round = await world.newRound();
  await round.writer(0, false).grant(facts, null);
  expect(world.oracle(facts, world.clock.now())).toContain(facts.grants[0]?.id);
});
