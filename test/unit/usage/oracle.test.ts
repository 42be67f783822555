import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';

import { balanceOf, bucketsAt, isOpen } from '../../../src/usage/core/balance.ts';
import type { BucketRow, UsageFacts } from '../../../src/usage/core/facts.ts';
import { createLedger } from './ledger.ts';
import { createOracle } from './oracle.ts';
import { anyStory, type Deed, halfDayMs, type World } from './world.ts';

// A failure is shrunk to a small one, which takes longer than finding it.
vi.setConfig({ testTimeout: 300_000 });

type Ledger = ReturnType<typeof createLedger>;
type Oracle = ReturnType<typeof createOracle>;

function expectSameBuckets(ledger: Ledger, oracle: Oracle, t: number): void {
  const facts = ledger.factsAt(t);
  const buckets = bucketsAt(facts, t);
  expect(bucketsAt(reversed(facts), t)).toEqual(buckets);
  expect(bucketsAt({ ...facts, rows: fewestRows(facts, t) }, t)).toEqual(buckets);
  const { balance } = balanceOf(buckets);
  const expected = oracle.bucketsAt(t);
  if (expected === 'unlimited') {
    expect(balance).toBe(Infinity);
    expect(buckets.map(({ used, held }) => used + held)).toEqual([oracle.usedUnlimited(t)]);
    return;
  }
  const shown = buckets.map(({ part, from, to, amount, rolledOver, used, held }) => ({
    ...{ part, from: iso(from), to: iso(to), amount, rolledOver, used, held },
  }));
  expect(shown).toEqual(
    expected.map((bucket) => {
      const own = bucket.units.filter(({ owner }) => owner === bucket.birth).length;
      return {
        ...{ part: bucket.part, from: iso(bucket.from), to: iso(bucket.to), amount: own },
        ...{ rolledOver: bucket.units.length - own, used: bucket.used, held: bucket.held },
      };
    }),
  );
  expect(balance).toBe(expected.reduce((sum, bucket) => sum + oracle.leftOf(bucket), 0));
}

/** The same facts in another order. */
function reversed({ allowances, past, rows, holds }: UsageFacts): UsageFacts {
  return {
    allowances: allowances === 'unlimited' ? allowances : allowances.toReversed(),
    past: past.toReversed(),
    rows: rows.toReversed(),
    holds: holds.toReversed(),
  };
}

/** The rows without those that `UsageFacts` says may be left out. */
function fewestRows({ allowances, rows, holds }: UsageFacts, t: number): BucketRow[] {
  const inHolds = holds.filter((one) => isOpen(one, t)).flatMap(({ bookings }) => bookings);
  const isHeld = (row: BucketRow) =>
    inHolds.some((one) => one.part === row.part && one.periodStart === row.periodStart);
  return rows.filter((row) => {
    const allowance =
      allowances === 'unlimited' ? undefined : allowances.find(({ part }) => part === row.part);
    if (allowance?.rollover || row.periodEnd > t || isHeld(row)) return true;
    const others = rows.filter((one) => one.part === row.part && one.used > 0);
    return (
      row.used > 0 && others.every((one) => one.periodEnd <= row.periodEnd || one.periodEnd > t)
    );
  });
}

function iso(instant: number): string {
  return instant === Infinity ? 'never' : new Date(instant).toISOString();
}

/** Does a deed on both sides, and expects the same outcome. */
function doBoth(ledger: Ledger, oracle: Oracle, deed: Deed, name: string, done: Done): void {
  const { at } = deed;
  switch (deed.kind) {
    case 'read':
      return;
    case 'consume': {
      const units = ledger.consume(name, at, deed.amount, deed);
      expect(units).toBe(oracle.consume(name, at, deed.amount, deed));
      if (units > 0) done.entries.push(name);
      return;
    }
    case 'hold': {
      const expiresAt = at + deed.forHalfDays * halfDayMs;
      const rules = { overage: deed.overage, expiresAt };
      const units = ledger.hold(name, at, deed.amount, rules);
      expect(units).toBe(oracle.hold(name, at, deed.amount, rules));
      if (units > 0) done.holds.push(name);
      return;
    }
    case 'settle': {
      const held = done.holds[deed.which % done.holds.length];
      const open = held === undefined ? undefined : ledger.openHold(held, at);
      if (open === undefined) return;
      expect(ledger.settle(open, name, at, deed.amount)).toBe(deed.amount);
      oracle.settle(open.id, name, at, deed.amount);
      done.entries.push(name);
      return;
    }
    case 'reverse': {
      const [entry] = done.entries.splice(deed.which % done.entries.length, 1);
      if (entry === undefined) return;
      ledger.reverse(entry, at);
      oracle.reverse(entry);
      return;
    }
  }
}

interface Done {
  holds: string[];
  entries: string[];
}

function expectByTheLetter({ world, deeds }: { world: World; deeds: Deed[] }): void {
  const ledger = createLedger(world);
  const oracle = createOracle(world);
  const done: Done = { holds: [], entries: [] };
  for (const [index, deed] of deeds.entries()) {
    expectSameBuckets(ledger, oracle, deed.at);
    doBoth(ledger, oracle, deed, `deed ${index}`, done);
    expectSameBuckets(ledger, oracle, deed.at);
  }
  const last = deeds.at(-1)?.at ?? 0;
  for (const later of [1, 2, 7, 20, 62, 121]) {
    expectSameBuckets(ledger, oracle, last + later * halfDayMs);
  }
}

describe('every balance', () => {
  test('is what a walk through time, unit by unit, comes to', () => {
    fc.assert(fc.property(anyStory, expectByTheLetter), {
      numRuns: Number(process.env['USAGE_RUNS'] ?? 200),
    });
  });
});
