import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';

import { balanceOf, bucketsAt } from '../../../src/usage/core/balance.ts';
import { createLedger } from './ledger.ts';
import { createOracle } from './oracle.ts';
import { anyStory, type Deed, halfDayMs, type World } from './world.ts';

// A failure is shrunk to a small one, which takes longer than finding it.
vi.setConfig({ testTimeout: 300_000 });

type Ledger = ReturnType<typeof createLedger>;
type Oracle = ReturnType<typeof createOracle>;

function expectSameBuckets(ledger: Ledger, oracle: Oracle, t: number): void {
  const buckets = bucketsAt(ledger.factsAt(t), t);
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
