import { describe, expect, test } from 'vitest';

import type { Allowance, Segment, SourceSpan } from '../../../src/entitlements/core/facts.ts';
import { allowancesAt, segmentAt } from '../../../src/usage/core/user-feature.ts';
import { monthly, on } from './usage-of.ts';

const allowance: Allowance = {
  part: 'si_1',
  amount: 100,
  every: 'period',
  interval: monthly,
  rollover: null,
  startAt: on('2026-01-01'),
  anchorAt: on('2026-01-01'),
};

const spanOf = (from: string, to: string | null, given: Partial<Allowance> = {}): SourceSpan => ({
  featureCode: 'credits',
  source: { type: 'subscription', id: 'sub_1', allowance: { ...allowance, ...given } },
  validFrom: on(from),
  validTo: to === null ? null : on(to),
});

const segmentOf = (spans: SourceSpan[], at: string, given: Partial<Segment> = {}): Segment => ({
  ...{ featureCode: 'credits', featureType: 'metered', reason: 'granted', value: true },
  sources: { spans },
  validFrom: on(at),
  validTo: null,
  ...given,
});

const windowsAt = (spans: SourceSpan[], at: string) => {
  const allowances = allowancesAt(segmentOf(spans, at), on(at));
  return allowances === 'unlimited'
    ? allowances
    : allowances.map(({ amount, from, to }) => ({ amount, from, to }));
};

describe('the window of an allowance', () => {
  test('joins spans that follow each other, whatever their amounts', () => {
    const spans = [
      spanOf('2026-03-01', null, { amount: 300 }),
      spanOf('2026-01-01', '2026-02-01'),
      spanOf('2026-02-01', '2026-03-01', { amount: 200 }),
    ];
    for (const [at, amount] of [
      ['2026-01-15', 100],
      ['2026-02-01', 200],
      ['2026-04-01', 300],
    ] as const) {
      expect(windowsAt(spans, at)).toEqual([{ amount, from: on('2026-01-01'), to: Infinity }]);
    }
  });

  test('ends where its part stops, though others go on', () => {
    const spans = [
      spanOf('2026-01-01', '2026-02-01'),
      spanOf('2026-02-02', '2026-03-01'),
      spanOf('2026-02-01', '2026-02-02', { part: 'si_2' }),
    ];
    expect(windowsAt(spans, '2026-02-15')).toEqual([
      { amount: 100, from: on('2026-02-02'), to: on('2026-03-01') },
    ]);
  });
});

test('a denied feature has no allowance, and an unlimited one is unlimited', () => {
  const spans = [spanOf('2026-01-01', null)];
  const at = on('2026-02-01');
  const denied = segmentOf([], '2026-01-01', { reason: 'revoked', value: null, sources: [] });
  expect(allowancesAt(denied, at)).toEqual([]);
  expect(allowancesAt(undefined, at)).toEqual([]);
  const unlimited = segmentOf(spans, '2026-01-01', { value: 'unlimited' });
  expect(allowancesAt(unlimited, at)).toBe('unlimited');
});

test('a segment covers its start and not its end', () => {
  const segment = segmentOf([], '2026-01-01', { validTo: on('2026-02-01') });
  expect(segmentAt([segment], on('2026-01-01'))).toBe(segment);
  expect(segmentAt([segment], on('2026-02-01'))).toBeUndefined();
});
