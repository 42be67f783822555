import { isDeepStrictEqual } from 'node:util';

import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';

import { answerAt } from '../../../src/entitlements/core/answer.ts';
import { compute } from '../../../src/entitlements/core/compute.ts';
import type { Timeline } from '../../../src/entitlements/core/facts.ts';
import { valueOf } from '../../../src/entitlements/core/segment-sources.ts';
import { anyFacts } from './arbitrary-facts.ts';
import { day } from './facts-of.ts';
import { probes, segmentAt } from './probes.ts';

const identity = { projectId: 'notes', userId: 'u_42', revision: 1 };
const runs = { numRuns: 200 };

// A failure is shrunk to a small one, which takes longer than finding it.
vi.setConfig({ testTimeout: 60_000 });

/** The part of an answer that may change only at `next_change_at`. */
function accessAt(timeline: Timeline, instant: number) {
  const { body, denied } = answerAt(identity, timeline, instant);
  return { entitlements: body.entitlements, denied };
}

describe('the answer', () => {
  test('is constant until next_change_at and differs there', () => {
    fc.assert(
      fc.property(anyFacts, fc.integer({ min: -10 * 24, max: 60 * 24 }), (facts, hours) => {
        const timeline = compute(facts);
        const instant = day(hours / 24);
        const next = answerAt(identity, timeline, instant).body.next_change_at;
        const access = accessAt(timeline, instant);
        const nextAt = next === null ? Infinity : Date.parse(next);
        expect(nextAt).toBeGreaterThan(instant);
        for (const probe of probes(timeline)) {
          if (instant < probe && probe < nextAt) expect(accessAt(timeline, probe)).toEqual(access);
        }
        if (next !== null) expect(accessAt(timeline, nextAt)).not.toEqual(access);
      }),
      runs,
    );
  });

  test('shows the exact period over which the value holds', () => {
    fc.assert(
      fc.property(anyFacts, (facts) => {
        const timeline = compute(facts);
        for (const instant of probes(timeline)) {
          for (const entry of answerAt(identity, timeline, instant).body.entitlements) {
            const holdsAt = (probe: number) => {
              const segment = segmentAt(timeline, entry.feature_code, probe);
              return (
                segment?.reason === 'granted' && isDeepStrictEqual(valueOf(segment), entry.value)
              );
            };
            const from = entry.valid_from === null ? -Infinity : Date.parse(entry.valid_from);
            const to = entry.valid_to === null ? Infinity : Date.parse(entry.valid_to);
            expect(from <= instant && instant < to).toBe(true);
            const inside = probes(timeline).filter((probe) => from <= probe && probe < to);
            expect(inside.every(holdsAt)).toBe(true);
            if (Number.isFinite(from)) expect(holdsAt(from - 1)).toBe(false);
            if (Number.isFinite(to)) expect(holdsAt(to)).toBe(false);
          }
        }
      }),
      { numRuns: 100 },
    );
  });

  test('does not depend on the order in which the segments are stored', () => {
    fc.assert(
      fc.property(anyFacts, (facts) => {
        const timeline = compute(facts);
        const stored = timeline.toReversed();
        for (const instant of probes(timeline)) {
          expect(answerAt(identity, stored, instant)).toEqual(
            answerAt(identity, timeline, instant),
          );
        }
      }),
      { numRuns: 100 },
    );
  });
});
