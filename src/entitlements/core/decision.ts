import { allowanceOf, isGivenAllowance } from './allowance.ts';
import type { Facts, FeatureFact, FeatureValue } from './facts.ts';
import { isValueOf, mergeValues, type FeatureSource } from './merge.ts';
import { type Reason, sourceDenialNames, sourceDenials } from './reasons.ts';
import { setAsideBy } from './set-aside.ts';
import { covers, type Standing } from './source-lifecycle.ts';
import {
  revocationWindow,
  sourceWindows,
  type RevocationWindow,
  type SourceWindow,
} from './windows.ts';

/** The sources and revocations of one feature of one user, over all of time. */
export interface FeatureCase {
  feature: FeatureFact;
  sources: FeatureSource[];
  revocations: RevocationWindow[];
}

export interface Decision {
  reason: Reason;
  /** Null if denied. */
  value: FeatureValue;
  /** The sources that count; empty if denied. */
  counting: FeatureSource[];
  /**
   * The sources that would count if they were not revoked, each with the latest revocation that revokes it.
   */
  revoked: ReadonlyMap<FeatureSource, RevocationWindow>;
  /** The revocations that no grant in force outweighs, last recorded first. */
  inForce: RevocationWindow[];
}

/**
 * Groups sources and revocations by feature, in no particular order. Features that have neither are left out.
 */
export function featureCases(facts: Facts): FeatureCase[] {
  const windows = sourceWindows(facts);
  const unqueued = () => sourceWindows(facts, 'no_queue');
  const byFeature = Map.groupBy(
    facts.revocations.map(revocationWindow),
    ({ featureCode }) => featureCode,
  );
  const sourcesOf = (feature: FeatureFact, all: readonly SourceWindow[]) =>
    all.flatMap((window) => sourceOf(window, feature));
  return facts.features
    .map((feature) => {
      const revocations = byFeature.get(feature.code) ?? [];
      if (feature.type === 'metered') {
        return { feature, sources: sourcesOf(feature, unqueued()), revocations };
      }
      const sources = sourcesOf(feature, windows);
      const setAside = setAsideBy(revocations, sources);
      if (setAside.length === 0) return { feature, sources, revocations };
      return { feature, sources: sourcesOf(feature, sourceWindows(facts, setAside)), revocations };
    })
    .filter(({ sources, revocations }) => sources.length > 0 || revocations.length > 0);
}

/**
 * Decides one feature at one instant: the user is entitled if some source covers the instant and no
 * revocation in force revokes that source. The operator's last action wins: the last recorded grant that
 * covers the instant outweighs all earlier revocations (docs/architecture.md).
 */
export function decide({ feature, sources, revocations }: FeatureCase, instant: number): Decision {
  const standing = sources.filter((source) => standingAt(source, instant) === 'granted');
  const lastGrant = Math.max(...standing.map(({ grantNumber }) => grantNumber ?? -Infinity));
  const inForce = inForceOf(
    revocations.filter((one) => covers(one, instant)),
    lastGrant,
  );
  const revoked = new Map<FeatureSource, RevocationWindow>();
  for (const source of standing) {
    const by = revokedBy(inForce, source);
    if (by !== null) revoked.set(source, by);
  }
  const counting = standing.filter((source) => !revoked.has(source));
  if (counting.length > 0) {
    const value = mergeValues(feature, counting);
    return { reason: 'granted', value, counting, revoked, inForce };
  }
  const standings = new Map(sources.map((source) => [source, standingAt(source, instant)]));
  const over = sources.filter((source) => hasEnded(standings.get(source) ?? null));
  const reason = denialOf({
    inForce,
    isAnyRevoked: revoked.size > 0,
    isAnySpared: over.some((source) => revokedBy(inForce, source) === null),
    isStanding: (one) => [...standings.values()].includes(one),
  });
  return { reason, value: null, counting, revoked, inForce };
}

/**
 * Returns the revocations in force, last recorded first: those that cover an instant and that no grant
 * outweighs.
 *
 * @param lastGrant the number of the last recorded grant that covers the instant; -Infinity if no grant does.
 */
export function inForceOf(
  covering: readonly RevocationWindow[],
  lastGrant: number,
): RevocationWindow[] {
  return covering
    .filter(({ number }) => number > lastGrant)
    .toSorted((a, b) => b.number - a.number);
}

/**
 * Returns the last recorded revocation in force that revokes a source; null if none does. Stripe rounds start
 * times down to the second, so a revocation recorded in the same second wins. A revocation revokes every
 * earlier grant. If it spares a source, it also spares every later one.
 */
export function revokedBy(
  inForce: readonly RevocationWindow[],
  { beganAt }: FeatureSource,
): RevocationWindow | null {
  const revokes = ({ block, recordedAt }: RevocationWindow) =>
    block || beganAt === null || beganAt <= recordedAt;
  return inForce.find(revokes) ?? null;
}

/** Returns whether a source that began gives no access: the source has ended, or its payment is overdue. */
export function hasEnded(standing: Standing | null): boolean {
  return standing !== null && standing !== 'granted' && sourceDenials[standing].hasLapsed;
}

/**
 * Returns why no source counts. If the revocations in force revoke nothing and spare a source that has ended,
 * the reason is that end: lifting the revocations would not restore the feature.
 */
export function denialOf(found: {
  inForce: readonly RevocationWindow[];
  isAnyRevoked: boolean;
  /** Whether some source that has ended is spared by all revocations in force. */
  isAnySpared: boolean;
  isStanding: (standing: Standing) => boolean;
}): Exclude<Reason, 'granted'> {
  const { inForce, isAnyRevoked, isAnySpared, isStanding } = found;
  if (isAnyRevoked || (inForce.length > 0 && !isAnySpared)) return 'revoked';
  return sourceDenialNames.find(isStanding) ?? 'no_source';
}

/** Returns the features with a blocking revocation in force, which stay denied even if the user buys them. */
export function blockedFeatures(facts: Facts, instant: number): Set<string> {
  return new Set(
    featureCases(facts)
      .filter((one) => decide(one, instant).inForce.some(({ block }) => block))
      .map(({ feature }) => feature.code),
  );
}

/**
 * Returns the state of a source at an instant; null if the source never gives access or explains a denial.
 */
export function standingAt(source: SourceWindow, instant: number): Standing | null {
  return source.lifecycle.find((phase) => covers(phase, instant))?.standing ?? null;
}

function sourceOf(window: SourceWindow, feature: FeatureFact): FeatureSource[] {
  if (!Object.hasOwn(window.features, feature.code)) return [];
  const value = window.features[feature.code] ?? null;
  if (!isValueOf(feature.type, value)) return [];
  if (feature.type !== 'metered' || !isGivenAllowance(value)) return [{ ...window, value }];
  const allowance = allowanceOf(feature, window, value);
  return [{ ...window, value, ref: { ...window.ref, allowance } }];
}
