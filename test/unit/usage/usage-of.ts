/* Facts for the tests of the usage core: short to write, complete, instants as ISO dates in UTC. */
import type { BillingInterval } from '../../../src/entitlements/core/facts.ts';
import { balanceOf, type Bucket, bucketsAt } from '../../../src/usage/core/balance.ts';
import { consume, type ConsumeRules, hold, type Outcome } from '../../../src/usage/core/deeds.ts';
import type {
  Allowance,
  BucketRow,
  CountingAllowance,
  UsageFacts,
} from '../../../src/usage/core/facts.ts';

export const monthly: BillingInterval = { unit: 'month', count: 1 };
export const yearly: BillingInterval = { unit: 'year', count: 1 };
export const daily: BillingInterval = { unit: 'day', count: 1 };

/** The instant of `2026-01-31` or `2026-01-31T10:00`. */
export function on(date: string): number {
  return Date.parse(date.includes('T') ? `${date}Z` : `${date}T00:00Z`);
}

/** The ISO text of an instant as tests write it. */
export function dateOf(instant: number): string {
  if (instant === Infinity) return 'never';
  return new Date(instant).toISOString().replace('T00:00:00.000Z', '').replace(':00.000Z', '');
}

/** 100 units a month since 2026-01-15. */
export function allowanceOf(given: Partial<CountingAllowance> = {}): CountingAllowance {
  const startAt = given.startAt ?? on('2026-01-15');
  return {
    part: 'si_1',
    source: { type: 'subscription', id: 'sub_1', price_id: 'price_1' },
    amount: 100,
    interval: monthly,
    rollover: null,
    startAt,
    anchorAt: startAt,
    priceId: 'price_1',
    from: startAt,
    to: Infinity,
    ...given,
  };
}

/** 50 units given once, since 2026-01-15. */
export function topUpOf(given: Partial<CountingAllowance> = {}): CountingAllowance {
  return allowanceOf({
    part: 'li_1',
    source: { type: 'purchase', id: 'li_1', price_id: 'price_2' },
    amount: 50,
    interval: null,
    ...given,
  });
}

/** Allowances that were always as they are now, except as given. */
export function factsOf(
  allowances: UsageFacts['allowances'],
  given: Partial<UsageFacts> = {},
): UsageFacts {
  const past = allowances === 'unlimited' ? [] : allowances.map(knownAs);
  return { allowances, past, rows: [], holds: [], ...given };
}

/** What was known of an allowance. */
export function knownAs(allowance: CountingAllowance) {
  return { allowance: plain(allowance), from: allowance.from, to: allowance.to };
}

function plain({ from, to, source, ...allowance }: CountingAllowance): Allowance {
  return allowance;
}

/** A stored row, of January's month unless given otherwise. */
export function rowOf(given: Partial<BucketRow>): BucketRow {
  const periodStart = given.periodStart ?? on('2026-01-15');
  return {
    part: 'si_1',
    periodStart,
    periodEnd: on('2026-02-15'),
    priceId: 'price_1',
    schedule: '1 month',
    amount: 100,
    used: 0,
    reported: 0,
    usedAt: periodStart,
    ...given,
  };
}

/** The same user with other allowances, known from `at` on in place of the earlier ones. */
export function changedTo(
  facts: UsageFacts,
  at: string,
  allowances: readonly CountingAllowance[],
): UsageFacts {
  const instant = on(at);
  return {
    ...facts,
    allowances,
    past: [
      ...facts.past.map((one) => ({ ...one, to: Math.min(one.to, instant) })),
      ...allowances.map((one) => ({ ...knownAs(one), from: Math.max(one.from, instant) })),
    ],
  };
}

/** Consumes, or fails the test if that is denied. */
export function consumed(
  facts: UsageFacts,
  at: string,
  amount: number,
  rules: Partial<ConsumeRules> = {},
): UsageFacts {
  const { units, facts: after } = consumeOn(facts, at, amount, rules);
  if (units !== amount) throw new Error(`Denied: ${amount} units on ${at}.`);
  return after;
}

export function consumeOn(
  facts: UsageFacts,
  at: string,
  amount: number,
  rules: Partial<ConsumeRules> = {},
): Outcome {
  return consume(facts, amount, { overage: 'deny', partial: false, ...rules }, on(at));
}

/** Holds until an instant. */
export function heldOn(facts: UsageFacts, at: string, amount: number, until: string): Outcome {
  const rules = { id: 'hold', expiresAt: on(until), overage: 'deny' as const };
  return hold(facts, amount, rules, on(at));
}

export function balanceOn(facts: UsageFacts, at: string): number {
  return balanceOf(bucketsAt(facts, on(at))).balance;
}

/** The buckets of an instant in the order of use, one line each. */
export function bucketsOn(facts: UsageFacts, at: string): string[] {
  return bucketsAt(facts, on(at)).map(line);
}

function line({ part, from, to, amount, rolledOver, used, held }: Bucket): string {
  const carried = rolledOver === 0 ? '' : ` + ${rolledOver}`;
  const kept = held === 0 ? '' : `, ${held} held`;
  return `${part} ${dateOf(from)}…${dateOf(to)}: ${amount}${carried} - ${used}${kept}`;
}
