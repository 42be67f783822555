import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { BillingInterval } from '../../src/entitlements/core/facts.ts';
import { balanceOf, bucketsAt } from '../../src/usage/core/balance.ts';
import { consume, hold, type Outcome, reverse, settle } from '../../src/usage/core/deeds.ts';
import type {
  Booking,
  CountingAllowance,
  Hold,
  Rollover,
  UsageFacts,
} from '../../src/usage/core/facts.ts';
import { at, text } from '../helpers/json.ts';
import { meteredApp, type MeteredApp } from '../helpers/metered.ts';
import { startTestService, type TestService } from '../helpers/service.ts';

/*
 * Random grants, deeds and waits through the service, and the same through the pure core with all facts in
 * memory. The service loads and stores only some of them, which must make no difference.
 */

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

type Step =
  | {
      kind: 'grant';
      amount: number;
      every: BillingInterval['unit'] | null;
      rollover: Rollover | null;
      days: number | null;
    }
  | { kind: 'consume'; amount: number; partial: boolean }
  | { kind: 'hold'; amount: number; seconds: number }
  | { kind: 'settle'; which: number; amount: number }
  | { kind: 'reverse'; which: number };

const small = fc.integer({ min: 1, max: 9 });

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('grant' as const),
      amount: small,
      every: fc.constantFrom<BillingInterval['unit'] | null>(null, 'day', 'day', 'week', 'month'),
      rollover: fc.option(fc.record({ max: small, periods: fc.integer({ min: 1, max: 3 }) })),
      days: fc.option(fc.integer({ min: 1, max: 60 })),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('consume' as const),
      amount: small,
      partial: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('hold' as const),
      amount: small,
      seconds: fc.integer({ min: 1, max: 3_600 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('settle' as const),
      which: fc.nat(),
      amount: fc.nat(9),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reverse' as const), which: fc.nat() }) },
);

/** Mostly short, so that holds are open, and sometimes past the ends of periods. */
const wait = fc.oneof(
  fc.integer({ min: 1, max: 1_800 }).map((seconds) => seconds * 1_000),
  fc.integer({ min: 1, max: 60 }).map((hours) => hours * hourMs),
  fc.integer({ min: 1, max: 40 }).map((days) => days * dayMs),
);

const story = fc.array(fc.tuple(wait, step), { minLength: 5, maxLength: 30 });

let service: TestService;
let app: MeteredApp;
let users = 0;

beforeAll(async () => {
  service = await startTestService();
  const { key } = await service.createProject('notes');
  app = await meteredApp(service, key);
});
afterAll(() => service.close());

/** The facts of one user in memory, all of them. */
class Model {
  readonly allowances: CountingAllowance[] = [];
  readonly entries: { id: string; bookings: readonly Booking[]; isReversed: boolean }[] = [];
  readonly holds: Hold[] = [];
  #rows: UsageFacts['rows'] = [];
  #open: UsageFacts['holds'] = [];

  factsAt(now: number): UsageFacts {
    return {
      allowances: this.allowances.filter(({ from, to }) => from <= now && now < to),
      past: this.allowances.map(({ from, to, ...allowance }) => ({ allowance, from, to })),
      rows: this.#rows,
      holds: this.#open,
    };
  }

  keep({ facts }: Outcome): void {
    this.#rows = facts.rows;
    this.#open = facts.holds;
  }
}

async function take(model: Model, userId: string, one: Step): Promise<void> {
  const now = service.clock.now();
  const facts = model.factsAt(now);
  switch (one.kind) {
    case 'grant': {
      const { amount, days, every, rollover } = one;
      const validTo = days === null ? {} : { valid_to: new Date(now + days * dayMs).toISOString() };
      const value = {
        amount,
        ...(every === null ? {} : { every, ...(rollover === null ? {} : { rollover }) }),
      };
      const granted = await app.grant(userId, value, validTo);
      const part = text(granted.body, 'grant', 'id');
      model.allowances.push({
        ...{ part, amount, priceId: null, startAt: now, anchorAt: now },
        source: { type: 'grant', id: part },
        interval: every === null ? null : { unit: every, count: 1 },
        rollover: every === null ? null : rollover,
        ...{ from: now, to: days === null ? Infinity : now + days * dayMs },
      });
      return;
    }
    case 'consume': {
      const { amount, partial } = one;
      const outcome = consume(facts, amount, { overage: 'deny', partial }, now);
      const { body } = await app.consume(userId, amount, { partial });
      expect(body).toMatchObject({ consumed: outcome.units, balance: outcome.balance.balance });
      if (outcome.units === 0) return;
      model.keep(outcome);
      const { bookings } = outcome;
      model.entries.push({ id: text(body, 'entry_id'), bookings, isReversed: false });
      return;
    }
    case 'hold': {
      const { amount, seconds } = one;
      const { body } = await app.post('/usage/holds', {
        ...{ user_id: userId, feature_code: 'credits', amount, expires_in_seconds: seconds },
      });
      const id = String(at(body, 'hold_id'));
      const expiresAt = now + seconds * 1_000;
      const outcome = hold(facts, amount, { id, expiresAt, overage: 'deny' }, now);
      expect(body).toMatchObject({ held: outcome.units, balance: outcome.balance.balance });
      if (outcome.units === 0) return;
      model.keep(outcome);
      model.holds.push({ id, bookings: outcome.bookings, expiresAt });
      return;
    }
    case 'settle': {
      const [open] = model.holds.splice(one.which % Math.max(1, model.holds.length), 1);
      if (open === undefined) return;
      const answer = await app.post(`/usage/holds/${open.id}/settle`, { amount: one.amount });
      if (now >= open.expiresAt) {
        expect(answer.status).toBe(409);
        return;
      }
      const outcome = settle(facts, open, one.amount, now);
      expect(answer.body).toMatchObject({
        ...{ consumed: one.amount, balance: outcome.balance.balance },
      });
      model.keep(outcome);
      const { bookings } = outcome;
      model.entries.push({ id: text(answer.body, 'entry_id'), bookings, isReversed: false });
      return;
    }
    case 'reverse': {
      const entry = model.entries[one.which % Math.max(1, model.entries.length)];
      if (entry === undefined || entry.isReversed) return;
      entry.isReversed = true;
      const outcome = reverse(facts, entry.bookings, now);
      const answer = await app.post(`/usage/entries/${entry.id}/reverse`, { reason: 'a test' });
      expect(answer.body).toMatchObject({ balance: outcome.balance.balance });
      model.keep(outcome);
    }
  }
}

it('the service and the pure core agree on every answer and every bucket', async () => {
  await fc.assert(
    fc.asyncProperty(story, async (steps) => {
      const userId = `u_${(users += 1)}`;
      const model = new Model();
      for (const [waitMs, one] of steps) {
        service.clock.advance(waitMs);
        await take(model, userId, one);
        const now = service.clock.now();
        const buckets = bucketsAt(model.factsAt(now), now);
        const { balance, held, used } = balanceOf(buckets);
        expect(await app.usage(userId)).toMatchObject({
          ...{ balance, held, used },
          buckets: buckets.map((bucket) => ({
            source: { id: bucket.part },
            ...{ amount: bucket.amount, rolled_over: bucket.rolledOver },
            ...{ used: bucket.used, held: bucket.held },
          })),
        });
      }
      const { rows } = await service.deps.database.pool.query<{ isEqual: boolean }>(
        `select coalesce((select sum(used) from usage_buckets b where b.uid = u.uid), 0)
             = coalesce((select sum(amount) from usage_entries e
                         where e.uid = u.uid and kind <> 'hold'), 0) as "isEqual"
         from users u where user_id = $1`,
        [userId],
      );
      expect(rows.every(({ isEqual }) => isEqual)).toBe(true);
    }),
    { numRuns: 15 },
  );
});
