import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { answerAt } from '../../../src/entitlements/core/answer.ts';
import { boundaryChanges } from '../../../src/entitlements/core/change.ts';
import { compute } from '../../../src/entitlements/core/compute.ts';
import type { Timeline } from '../../../src/entitlements/core/facts.ts';
import { anyFacts } from './arbitrary-facts.ts';
import { day } from './facts-of.ts';
import { probes } from './probes.ts';

// A failure is shrunk to a small one, which takes longer than finding it.
vi.setConfig({ testTimeout: 60_000 });

const identity = { projectId: 'notes', userId: 'u_42', revision: 1 };

function valuesAt(timeline: Timeline, instant: number): Map<string, unknown> {
  const { entitlements } = answerAt(identity, timeline, instant).body;
  return new Map(entitlements.map(({ feature_code, value }) => [feature_code, value]));
}

test('boundaries are the instants at which the answer changes, each with what it changes', () => {
  fc.assert(
    fc.property(
      anyFacts,
      fc.integer({ min: -10, max: 50 }),
      fc.integer({ min: 0, max: 60 }),
      (facts, fromDay, days) => {
        const timeline = compute(facts);
        const [from, until] = [day(fromDay), day(fromDay + days)];
        const expected = probes(timeline)
          .filter((at) => at >= from && at <= until)
          .flatMap((at) => {
            const [before, after] = [at - 1, at].map((instant) =>
              answerAt(identity, timeline, instant),
            );
            const same = isDeepStrictEqual(
              { ...before?.body, next_change_at: 0, denied: before?.denied },
              { ...after?.body, next_change_at: 0, denied: after?.denied },
            );
            if (same) return [];
            const [had, has] = [valuesAt(timeline, at - 1), valuesAt(timeline, at)];
            const codes = [...new Set([...had.keys(), ...has.keys()])].sort();
            const next = after?.body.next_change_at ?? null;
            return [
              {
                at,
                gained: codes.filter((code) => has.has(code) && !had.has(code)),
                lost: codes.filter((code) => had.has(code) && !has.has(code)),
                changed: codes.filter(
                  (code) =>
                    had.has(code) &&
                    has.has(code) &&
                    !isDeepStrictEqual(had.get(code), has.get(code)),
                ),
                nextChangeAt: next === null ? null : Date.parse(next),
              },
            ];
          });
        expect(boundaryChanges(timeline, from, until)).toEqual(expected);
      },
    ),
    { numRuns: 300 },
  );
});
