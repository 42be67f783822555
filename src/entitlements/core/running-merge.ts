import type { FeatureFact, FeatureValue } from './facts.ts';
import { byPrecedence, contributionOf, type FeatureSource } from './merge.ts';
import { createPriorityQueue } from './priority-queue.ts';

/**
 * An incremental `mergeValues` for a changing set of sources. The value of a metered feature is `true` instead
 * of its allowances, which would make a timeline grow with the square of its sources (`valueOf`).
 */
export interface RunningMerge {
  add(source: FeatureSource): void;
  remove(source: FeatureSource): void;
  /** Returns the merged value. The set must not be empty. */
  value(): FeatureValue;
}

/**
 * Creates an empty merge.
 *
 * @param sources all sources that may be added, each with a value of the feature's type.
 */
export function createRunningMerge(
  feature: FeatureFact,
  sources: readonly FeatureSource[],
): RunningMerge {
  switch (feature.type) {
    case 'boolean':
      return { add: () => undefined, remove: () => undefined, value: () => true };
    case 'limit':
      return feature.merge === 'sum' ? runningSum(feature) : runningMax(feature, sources);
    case 'metered':
      return runningUnlimited();
    case 'config': {
      const first = createPriorityQueue(sources.toSorted(byPrecedence));
      return { ...first, value: () => first.first()?.value ?? null };
    }
  }
}

function runningUnlimited(): RunningMerge {
  let unlimited = 0;
  return {
    add({ value }) {
      if (value === 'unlimited') unlimited += 1;
    },
    remove({ value }) {
      if (value === 'unlimited') unlimited -= 1;
    },
    value: () => (unlimited > 0 ? 'unlimited' : true),
  };
}

function runningMax(feature: FeatureFact, sources: readonly FeatureSource[]): RunningMerge {
  const sizeOf = (source: FeatureSource): number => {
    const contribution = contributionOf(feature, source);
    return contribution === 'unlimited' ? Infinity : Number(contribution);
  };
  const sizes = new Map(sources.map((source) => [source, sizeOf(source)]));
  const size = (source: FeatureSource) => sizes.get(source) ?? 0;
  // Compared rather than subtracted: Infinity - Infinity is NaN.
  const order = sources.toSorted((a, b) => (size(a) === size(b) ? 0 : size(b) > size(a) ? 1 : -1));
  const largest = createPriorityQueue(order);
  return {
    ...largest,
    value() {
      const first = largest.first();
      return first === null ? 0 : contributionOf(feature, first);
    },
  };
}

/** Keeps the exact total even above the cap, so that removing a source subtracts its exact part. */
function runningSum(feature: FeatureFact): RunningMerge {
  const cap = BigInt(Number.MAX_SAFE_INTEGER);
  let unlimited = 0;
  let total = 0n;
  function count(source: FeatureSource, by: 1 | -1): void {
    const contribution = contributionOf(feature, source);
    if (contribution === 'unlimited') unlimited += by;
    else total += BigInt(by) * BigInt(Number(contribution));
  }
  return {
    add(source) {
      count(source, 1);
    },
    remove(source) {
      count(source, -1);
    },
    value: () => (unlimited > 0 ? 'unlimited' : Number(total < cap ? total : cap)),
  };
}
