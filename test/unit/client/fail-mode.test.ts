import { describe, expect, it } from 'vitest';
import { toKnown } from '../../../src/client/core/answer.ts';
import { degradedCheck, failModeOf } from '../../../src/client/core/fail-mode.ts';
import { answerOf, entitlementOf } from './answers.ts';

const day = 86_400_000;
const fetchedAt = Date.parse('2026-11-01T00:00:00.000Z');
const end = new Date(fetchedAt + 60_000).toISOString();
const known = () =>
  toKnown(
    answerOf('ann', {
      revision: 7,
      next_change_at: end,
      entitlements: [
        entitlementOf('export', { valid_to: end }),
        entitlementOf('seats', { type: 'limit', value: 5 }),
      ],
    }),
    fetchedAt,
  );

describe('the fail mode of a feature', () => {
  it('is `last_known` unless the options name another, for all or for one', () => {
    expect(failModeOf(undefined, 'export')).toBe('last_known');
    expect(failModeOf('deny', 'export')).toBe('deny');
    const modes = { default: 'deny', features: { export: 'allow' } } as const;
    expect(failModeOf(modes, 'export')).toBe('allow');
    expect(failModeOf(modes, 'notebooks')).toBe('deny');
    expect(failModeOf({ features: { export: 'allow' } }, 'notebooks')).toBe('last_known');
  });
});

describe('a check without the service', () => {
  const lastKnown = (code: string, afterMs: number, of: ReturnType<typeof known> | undefined) =>
    degradedCheck('last_known', of, code, fetchedAt + afterMs, day);

  it('allows what the last answer allowed, inside its window, and denies at its end', () => {
    expect(lastKnown('export', 59_999, known())).toMatchObject({
      allowed: true,
      reason: 'granted',
      revision: 7,
      source: 'last_known',
    });
    expect(lastKnown('export', 60_000, known())).toMatchObject({
      allowed: false,
      reason: 'expired',
      source: 'last_known',
    });
    expect(lastKnown('seats', 60_000, known())).toMatchObject({ allowed: true, value: 5 });
  });

  it('uses an answer of 24 hours at most', () => {
    expect(lastKnown('seats', day - 1, known())).toMatchObject({ allowed: true });
    expect(lastKnown('seats', day, known())).toMatchObject({
      allowed: false,
      reason: 'unavailable',
      source: 'fallback',
    });
  });

  it('says why a feature was denied, as the last answer did', () => {
    expect(lastKnown('notebooks', 0, known())).toMatchObject({
      allowed: false,
      reason: 'no_source',
      source: 'last_known',
    });
  });

  it('is denied if nothing is known, and without an answer if the mode says so', () => {
    expect(lastKnown('export', 0, undefined)).toMatchObject({ allowed: false, source: 'fallback' });
    for (const [mode, allowed] of [
      ['deny', false],
      ['allow', true],
    ] as const) {
      expect(degradedCheck(mode, known(), 'export', fetchedAt, day)).toMatchObject({
        allowed,
        value: null,
        source: 'fallback',
        reason: 'unavailable',
      });
    }
  });
});
