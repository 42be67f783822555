import type { Facts, FeatureFact, FeatureValue, Reason } from './facts.ts';
import { isValueOf, mergeValues, type FeatureSource } from './merge.ts';
import { covers, type Standing } from './stretches.ts';
import {
  revocationWindow,
  sourceWindows,
  type RevocationWindow,
  type SourceWindow,
} from './windows.ts';

/** All that bears on one feature of one user, at any instant. */
export interface FeatureCase {
  feature: FeatureFact;
  sources: FeatureSource[];
  revocations: RevocationWindow[];
}

export interface Decision {
  reason: Reason;
  /** Null where not allowed. */
  value: FeatureValue;
  /** The sources that count; empty where not allowed. */
  counting: FeatureSource[];
  /** What would count, each with the last recorded revocation that takes it. */
  taken: ReadonlyMap<FeatureSource, RevocationWindow>;
  /** The revocations that no grant in force outweighs, the last recorded first. */
  inForce: RevocationWindow[];
}

/** One case per feature of the project that anything bears on, in no particular order. */
export function featureCases(facts: Facts): FeatureCase[] {
  const windows = sourceWindows(facts);
  const revocations = facts.revocations.map(revocationWindow);
  return facts.features
    .map((feature) => ({
      feature,
      sources: windows.flatMap((window) => sourceOf(window, feature)),
      revocations: revocations.filter(({ featureCode }) => featureCode === feature.code),
    }))
    .filter(({ sources, revocations }) => sources.length > 0 || revocations.length > 0);
}

/** Reasons of sources that do not count, the first that holds of any of them going before the next. */
const denialsByWeight: readonly Exclude<Standing, 'granted'>[] = [
  'payment_overdue',
  'not_yet_valid',
  'expired',
];

/**
 * Decides one feature at one instant: entitled ⇔ some source covers the instant and no revocation in
 * force takes it. The operator's last word wins: the last recorded of the grants that cover the instant
 * outweighs every revocation before it, and lets all sources count, not itself alone. A revocation after
 * it takes what began at or before its recording; one that blocks takes what began later, too.
 */
export function decide({ feature, sources, revocations }: FeatureCase, instant: number): Decision {
  const standing = sources.filter((source) => standingAt(source, instant) === 'granted');
  const lastGrant = Math.max(...standing.map(({ grantNumber }) => grantNumber ?? -Infinity));
  const inForce = revocations
    .filter((one) => one.number > lastGrant && covers(one, instant))
    .toSorted((a, b) => b.number - a.number);
  const taken = takenBy(inForce, standing);
  const counting = standing.filter((source) => !taken.has(source));
  if (counting.length > 0) {
    const value = mergeValues(feature, counting);
    return { reason: 'granted', value, counting, taken, inForce };
  }
  const reason =
    taken.size > 0 || (inForce.length > 0 && !hasBegunLater(inForce, sources, instant))
      ? 'revoked'
      : denialOf(sources, instant);
  return { reason, value: null, counting, taken, inForce };
}

/**
 * Whether something that none of the revocations takes has begun by now, and is over or unpaid: that
 * is the reason then, since lifting the revocations would not give the feature back.
 */
function hasBegunLater(
  inForce: readonly RevocationWindow[],
  sources: readonly FeatureSource[],
  instant: number,
): boolean {
  return sources.some((source) => {
    const standing = standingAt(source, instant);
    return (
      (standing === 'expired' || standing === 'payment_overdue') &&
      !inForce.some((revocation) => takes(revocation, source))
    );
  });
}

function takenBy(
  inForce: readonly RevocationWindow[],
  sources: readonly FeatureSource[],
): Map<FeatureSource, RevocationWindow> {
  const taken = new Map<FeatureSource, RevocationWindow>();
  for (const source of sources) {
    const by = inForce.find((revocation) => takes(revocation, source));
    if (by !== undefined) taken.set(source, by);
  }
  return taken;
}

/**
 * Whether a revocation in force takes a source away. Stripe dates starts in whole seconds, rounded
 * down: of a start and a recording within one second, the operator wins. A grant that the revocation
 * does not come after would have outweighed it.
 */
function takes({ block, recordedAt }: RevocationWindow, { beganAt }: FeatureSource): boolean {
  return block || beganAt === null || beganAt <= recordedAt;
}

function denialOf(
  sources: readonly FeatureSource[],
  instant: number,
): Exclude<Reason, 'granted' | 'revoked'> {
  const standings = new Set(sources.map((source) => standingAt(source, instant)));
  return denialsByWeight.find((standing) => standings.has(standing)) ?? 'no_source';
}

/**
 * The features that a revocation blocks at an instant, whatever may be bought: one that blocks is in
 * force, and no later grant outweighs it.
 */
export function blockedFeatures(facts: Facts, instant: number): Set<string> {
  return new Set(
    featureCases(facts)
      .filter((one) => decide(one, instant).inForce.some(({ block }) => block))
      .map(({ feature }) => feature.code),
  );
}

/** Null where it is off: such a source gives nothing at any time, and is no reason for a denial. */
export function standingAt(source: SourceWindow, instant: number): Standing | null {
  return source.stretches.find((stretch) => covers(stretch, instant))?.standing ?? null;
}

function sourceOf(window: SourceWindow, feature: FeatureFact): FeatureSource[] {
  if (!Object.hasOwn(window.features, feature.code)) return [];
  const value = window.features[feature.code] ?? null;
  return isValueOf(feature.type, value) ? [{ ...window, value }] : [];
}
