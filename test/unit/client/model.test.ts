import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Check, createLatchkey } from '../../../src/client/index.ts';
import { Facts, features } from './model/facts.ts';
import { Network, type Weather } from './model/network.ts';
import { type Asked, faultOf } from './model/oracle.ts';

/*
 * The client against a service and a network of which everything is known: random schedules, and after every
 * check the question whether the answer was right. CLIENT_RUNS sets the number of schedules, which then differ
 * in every run.
 */

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse('2026-11-01T00:00:00.000Z') });
});
afterEach(() => {
  vi.useRealTimers();
});

const runs = process.env['CLIENT_RUNS'];
const users = ['ann', 'bo'];

type Step =
  | { kind: 'wait'; ms: number }
  | { kind: 'check'; userId: string; feature: string }
  | { kind: 'grant'; userId: string; feature: string; startsInMs: number; lastsMs: number }
  | { kind: 'revoke'; userId: string; feature: string }
  | { kind: 'weather'; weather: Weather }
  | { kind: 'delays'; there: number; back: number; event: number; cache: number }
  | { kind: 'cut' | 'silence' | 'trim' };

const userId = fc.constantFrom(...users);
const feature = fc.constantFrom(...features);
const delay = fc.integer({ min: 1, max: 300 });
const ofKind = <Kind extends string>(kind: Kind): fc.Arbitrary<Kind> => fc.constant(kind);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: ofKind('wait'), ms: fc.integer({ min: 1, max: 400 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: ofKind('wait'), ms: fc.integer({ min: 400, max: 80_000 }) }),
  },
  { weight: 14, arbitrary: fc.record({ kind: ofKind('check'), userId, feature }) },
  {
    weight: 5,
    arbitrary: fc.record({
      ...{ kind: ofKind('grant'), userId, feature },
      startsInMs: fc.oneof(
        { weight: 3, arbitrary: fc.constant(0) },
        { weight: 1, arbitrary: fc.integer({ min: 1, max: 120_000 }) },
      ),
      lastsMs: fc.oneof(
        fc.integer({ min: 1, max: 100_000 }),
        fc.integer({ min: 100_000, max: 200_000_000 }),
      ),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: ofKind('revoke'), userId, feature }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: ofKind('weather'),
      weather: fc.constantFrom<Weather>('works', 'works', 'works', 'refuses', 'hangs', 'fails'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      ...{ kind: ofKind('delays'), there: delay, back: delay, event: delay },
      cache: fc.constantFrom(0, 200),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: ofKind('cut') }) },
  { weight: 1, arbitrary: fc.record({ kind: ofKind('silence') }) },
  { weight: 1, arbitrary: fc.record({ kind: ofKind('trim') }) },
);

async function run(steps: readonly Step[]): Promise<void> {
  const facts = new Facts();
  const network = new Network(facts);
  const comments = setInterval(() => {
    network.comment();
  }, 15_000);
  const latchkey = createLatchkey({
    ...{ url: 'http://latchkey.test', key: 'key', fetch: network.fetch },
  });
  const outages = { degraded: 0, recovered: 0, atOnce: 0 };
  latchkey.on('degraded', () => {
    outages.degraded += 1;
    outages.atOnce = Math.max(outages.atOnce, outages.degraded - outages.recovered);
  });
  latchkey.on('recovered', () => (outages.recovered += 1));
  const checks: Promise<void>[] = [];

  function check(id: string, code: string): void {
    const askedAt = Date.now();
    const { reportedUntil } = network;
    const answered = latchkey.check(id, code).then((found: Check) => {
      const { gapAt } = network.knowledge;
      const asked: Asked = {
        ...{ userId: id, feature: code, askedAt, answeredAt: Date.now(), check: found },
        ...{ held: network.knowledge.of(id), gapAt, reportedUntil },
      };
      expect(faultOf(facts, asked), JSON.stringify(asked)).toBeNull();
      expect(asked.answeredAt - askedAt).toBeLessThanOrEqual(1_010);
    });
    checks.push(answered);
    answered.catch(() => undefined); // awaited at the end
  }

  // The client trusts its stream after a minute.
  await vi.advanceTimersByTimeAsync(125_000);
  for (const each of [...steps, { kind: 'wait', ms: 2_000 } as const]) {
    switch (each.kind) {
      case 'wait':
        await vi.advanceTimersByTimeAsync(each.ms);
        break;
      case 'check':
        check(each.userId, each.feature);
        break;
      case 'grant': {
        const from = Date.now() + each.startsInMs;
        facts.grant(each.userId, each.feature, from, from + each.lastsMs);
        for (const ms of [each.startsInMs, each.startsInMs + each.lastsMs]) {
          setTimeout(() => {
            facts.passBoundaries();
          }, ms);
        }
        break;
      }
      case 'revoke':
        facts.revoke(each.userId, each.feature);
        break;
      case 'weather':
        network.weather = each.weather;
        if (each.weather === 'refuses') network.cut();
        break;
      case 'delays':
        network.delays = each;
        break;
      case 'trim':
        facts.keptFrom = facts.feed.length;
        network.cut();
        break;
      case 'cut':
      case 'silence':
        network[each.kind]();
    }
    // A client learns of a broken connection at once, but not within the tick.
    if (each.kind !== 'check') await vi.advanceTimersByTimeAsync(0);
  }
  await Promise.all(checks);
  expect(outages.atOnce).toBeLessThanOrEqual(1);
  await latchkey.close();
  clearInterval(comments);
}

describe('the client in any weather', () => {
  it('never answers with older facts than it may, never allows after an end, never denies a payer', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 30, maxLength: 120, size: 'max' }),
        async (steps) => {
          vi.clearAllTimers();
          await run(steps);
        },
      ),
      runs === undefined ? { numRuns: 100, seed: 1 } : { numRuns: Number(runs) },
    );
  }, 600_000);
});
