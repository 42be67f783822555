import type { SourceSpan, Segment } from '../../entitlements/core/facts.ts';
import type { AnswerReason } from '../../entitlements/core/reasons.ts';
import { allowancesOf, isShared } from '../../entitlements/core/segment-sources.ts';
import type { CountingAllowance, UsageFacts } from './facts.ts';

/** A metered feature as the project defines it. */
export interface MeteredFeature {
  type: string;
  unit: string | null;
  overage: 'deny' | 'allow';
  /** The billing meter of Stripe's to which usage is reported; null if none. */
  meter: { eventName: string; report: 'all' | 'overage' } | null;
}

/** A feature of a user at an instant, with everything from which its balance is computed. */
export interface UserFeature {
  /** Null if the project has no such feature. */
  feature: MeteredFeature | null;
  /** The reason that `check` gives. Only with `granted` are there allowances. */
  reason: AnswerReason;
  facts: UsageFacts;
}

/**
 * Returns the allowances of a feature at an instant, each with the unbroken window in which its part counts.
 *
 * @param segment the live segment at the instant; undefined if the feature has none.
 */
export function allowancesAt(
  segment: Segment | undefined,
  instant: number,
): UsageFacts['allowances'] {
  if (segment?.reason !== 'granted') return [];
  if (segment.value === 'unlimited') return 'unlimited';
  const spans = isShared(segment.sources) ? segment.sources.spans : [];
  const byPart = Map.groupBy(spans, ({ source }) => source.allowance?.part);
  return allowancesOf(segment).map((allowance): CountingAllowance => ({
    ...allowance,
    priceId: allowance.source.price_id ?? null,
    ...unbroken(byPart.get(allowance.part) ?? [], instant),
  }));
}

/** Returns the segment that covers an instant. */
export function segmentAt(segments: readonly Segment[], instant: number): Segment | undefined {
  return segments.find(
    ({ validFrom, validTo }) =>
      (validFrom === null || validFrom <= instant) && (validTo === null || instant < validTo),
  );
}

/** Returns the window around an instant that the spans of a part cover without a gap. */
function unbroken(
  spans: readonly SourceSpan[],
  instant: number,
): Pick<CountingAllowance, 'from' | 'to'> {
  const ordered = spans
    .map(({ validFrom, validTo }) => ({ from: validFrom, to: validTo ?? Infinity }))
    .toSorted((a, b) => a.from - b.from);
  const first = ordered.find((span) => span.from <= instant && instant < span.to);
  let { from, to } = first ?? { from: instant, to: instant };
  for (const span of ordered) if (span.from === to) to = span.to;
  for (const span of ordered.toReversed()) if (span.to === from) from = span.from;
  return { from, to };
}
