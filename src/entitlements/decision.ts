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
  /** The revocation that is the operator's last word; null where none is. */
  revokedBy: RevocationWindow | null;
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
 * Decides one feature at one instant: entitled ⇔ some source covers the instant and the feature is
 * not revoked at it. The operator's last word, of the grants and revocations that cover the instant,
 * decides whether it is revoked; a grant lets all sources count, not itself alone.
 */
export function decide({ feature, sources, revocations }: FeatureCase, instant: number): Decision {
  const counting = sources.filter((source) => standingAt(source, instant) === 'granted');
  const lastGrant = Math.max(...counting.map(({ grantNumber }) => grantNumber ?? -Infinity));
  const revokedBy = lastRecorded(revocations.filter((one) => covers(one, instant)));
  if (revokedBy !== null && revokedBy.number > lastGrant) return denial('revoked', revokedBy);
  if (counting.length > 0) {
    return { reason: 'granted', value: mergeValues(feature, counting), counting, revokedBy: null };
  }
  const standings = new Set(sources.map((source) => standingAt(source, instant)));
  return denial(denialsByWeight.find((standing) => standings.has(standing)) ?? 'no_source');
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

function lastRecorded(revocations: readonly RevocationWindow[]): RevocationWindow | null {
  return revocations.reduce<RevocationWindow | null>(
    (last, one) => (last === null || one.number > last.number ? one : last),
    null,
  );
}

function denial(
  reason: Exclude<Reason, 'granted'>,
  revokedBy: RevocationWindow | null = null,
): Decision {
  return { reason, value: null, counting: [], revokedBy };
}
