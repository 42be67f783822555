import { isGivenAllowance } from './allowance.ts';
import type { FeatureFact, FeatureType, FeatureValue } from './facts.ts';
import { byText } from './order.ts';
import { allowancesValue, byRef } from './segment-sources.ts';
import type { SourceWindow } from './windows.ts';

/** A source with its value for one feature. */
export interface FeatureSource extends SourceWindow {
  value: FeatureValue;
}

/** Returns whether an operator recorded the source. */
export function isGrant(source: FeatureSource): source is FeatureSource & { grantNumber: number } {
  return source.grantNumber !== null;
}

/**
 * Returns whether a value is valid for the type. Values are checked when they are recorded. If a source's
 * value has become invalid, the source is ignored.
 */
export function isValueOf(type: FeatureType, value: FeatureValue): boolean {
  switch (type) {
    case 'boolean':
      return value === true;
    case 'limit':
      return value === 'unlimited' || (Number.isSafeInteger(value) && Number(value) >= 1);
    case 'metered':
      return value === 'unlimited' || isGivenAllowance(value);
    case 'config':
      return true;
  }
}

/**
 * Returns the merged value of the sources that count.
 * - `boolean`: `true`.
 * - `limit`: the largest value or the total, depending on the feature's `merge`. Each value is first
 *   multiplied by its quantity if the feature is `perQuantity`. `"unlimited"` wins. The result never exceeds
 *   the largest safe integer.
 * - `config`: the value of the first source by {@link byPrecedence}.
 * - `metered`: `"unlimited"` if any source is; otherwise the allowance of each source.
 *
 * @param counting at least one, each with a value of the feature's type.
 */
export function mergeValues(
  feature: FeatureFact,
  counting: readonly FeatureSource[],
): FeatureValue {
  switch (feature.type) {
    case 'boolean':
      return true;
    case 'limit':
      return mergeLimits(feature, counting);
    case 'metered':
      return counting.some(({ value }) => value === 'unlimited')
        ? 'unlimited'
        : allowancesValue(counting.map(({ ref }) => ref).toSorted(byRef));
    case 'config':
      return firstOf(counting)?.value ?? null;
  }
}

/** Returns the source that determines the value of a `config`. */
export function firstOf(counting: readonly FeatureSource[]): FeatureSource | null {
  return counting.toSorted(byPrecedence)[0] ?? null;
}

/**
 * Returns the value that one source contributes. A limit is multiplied by the quantity if the feature is
 * `perQuantity`.
 */
export function contributionOf(
  feature: FeatureFact,
  { value, quantity }: FeatureSource,
): FeatureValue {
  if (feature.type !== 'limit' || value === 'unlimited') return value;
  return capped(Number(value) * (feature.perQuantity ? (quantity ?? 1) : 1));
}

function mergeLimits(feature: FeatureFact, counting: readonly FeatureSource[]): FeatureValue {
  const contributions = counting.map((source) => contributionOf(feature, source));
  if (contributions.includes('unlimited')) return 'unlimited';
  return contributions
    .map(Number)
    .reduce((a, b) => (feature.merge === 'sum' ? capped(a + b) : Math.max(a, b)), 0);
}

/** Caps a limit at the largest safe integer. Above that, a sum would depend on the order of its terms. */
function capped(limit: number): number {
  return Math.min(limit, Number.MAX_SAFE_INTEGER);
}

/** Orders sources: a grant first, then the higher rank, then the later start, then by id. */
export function byPrecedence(a: FeatureSource, b: FeatureSource): number {
  return (
    Number(b.ref.type === 'grant') - Number(a.ref.type === 'grant') ||
    b.rank - a.rank ||
    b.startAt - a.startAt ||
    byText(a.ref.id, b.ref.id) ||
    byText(a.partId, b.partId)
  );
}
