import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { computeMovement, type SubscriptionSpan } from '../../../src/reporting/core/movement.ts';
import { exampleTable } from './document.ts';

/* What begins and ends, held to the example of docs/reports.md that was worked out by hand. */

const window = { from: Date.parse('2026-11-01'), to: Date.parse('2026-12-01') };
const examples = exampleTable('subscriber');

/** Reads `2026-03-01 to now (trial until 2026-11-08)`, several parted by commas. */
function spansOf(subscriber: string, told: string): SubscriptionSpan[] {
  return told.split(', ').map((text) => {
    const [, start = '', end = '', trialEnd] =
      /^(\S+) to (\S+)(?: \(trial until (\S+)\))?$/.exec(text) ?? [];
    return {
      subscriber,
      startAt: Date.parse(start),
      endAt: end === 'now' ? null : Date.parse(end),
      trialStartAt: trialEnd === undefined ? null : Date.parse(start),
      trialEndAt: trialEnd === undefined ? null : Date.parse(trialEnd),
    };
  });
}

describe('the example of the document', () => {
  it.each(examples)('%s: %s', (subscriber = '', told = '', ...figures) => {
    const { started, churned, reactivated, trialing } = computeMovement(
      spansOf(subscriber, told),
      window,
    );
    expect([started, churned, reactivated, trialing].map(String)).toEqual(figures);
  });

  it('all of them together are their sum: nobody changes what another one counts as', () => {
    const together = computeMovement(
      examples.flatMap(([subscriber = '', told = '']) => spansOf(subscriber, told)),
      window,
    );
    const sum = (column: number): number =>
      examples.reduce((total, row) => total + Number(row[column]), 0);
    expect(together).toEqual({
      started: sum(2),
      churned: sum(3),
      reactivated: sum(4),
      trialing: sum(5),
    });
  });
});

/** Instants so few that spans meet, and end where others begin. */
const instants = fc.integer({ min: 0, max: 12 });
const span: fc.Arbitrary<SubscriptionSpan> = fc
  .record({
    subscriber: fc.constantFrom('a', 'b', 'c'),
    startAt: instants,
    lasts: fc.option(fc.integer({ min: 1, max: 6 })),
  })
  .map(({ subscriber, startAt, lasts }) => ({
    subscriber,
    startAt,
    endAt: lasts === null ? null : startAt + lasts,
    trialStartAt: null,
    trialEndAt: null,
  }));

const runningBefore = (spans: SubscriptionSpan[], instant: number): number =>
  spans.filter(({ startAt, endAt }) => startAt < instant && (endAt === null || endAt >= instant))
    .length;

describe('in any history', () => {
  it('those that ran before, with those that began and without those that ended, run after', () => {
    fc.assert(
      fc.property(fc.array(span), instants, fc.integer({ min: 1, max: 6 }), (spans, from, long) => {
        const to = from + long;
        const { started, reactivated, churned } = computeMovement(spans, { from, to });
        expect(runningBefore(spans, from) + started + reactivated - churned).toBe(
          runningBefore(spans, to),
        );
      }),
    );
  });

  it('windows side by side count together what one over both counts', () => {
    fc.assert(
      fc.property(fc.array(span), instants, instants, instants, (spans, one, two, three) => {
        const [from = 0, middle = 0, to = 0] = [one, two, three].sort((a, b) => a - b);
        const first = computeMovement(spans, { from, to: middle });
        const second = computeMovement(spans, { from: middle, to });
        const both = computeMovement(spans, { from, to });
        for (const figure of ['started', 'churned', 'reactivated'] as const) {
          expect(first[figure] + second[figure]).toBe(both[figure]);
        }
      }),
    );
  });
});
