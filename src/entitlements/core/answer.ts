import { isDeepStrictEqual } from 'node:util';

import type { FeatureType, FeatureValue, Segment, Timeline } from './facts.ts';
import { byText } from './order.ts';
import { type PlainRef, sourcesOf, valueOf } from './segment-sources.ts';

/** The user an answer is for, and the revision of that user's stored timeline. */
export interface AnswerIdentity {
  projectId: string;
  userId: string;
  revision: number;
}

interface EntitlementEntry {
  feature_code: string;
  type: FeatureType;
  value: FeatureValue;
  valid_from: string | null;
  valid_to: string | null;
  sources: PlainRef[];
}

/** The body of `GET /entitlements`. */
export interface EntitlementsBody {
  project_id: string;
  user_id: string;
  revision: number;
  entitlements: EntitlementEntry[];
  next_change_at: string | null;
}

export type DeniedReason = Exclude<Segment['reason'], 'granted'>;

export interface EntitlementsAnswer {
  body: EntitlementsBody;
  /**
   * The reason for each denied feature, by code. A feature that is neither here nor in the body has no
   * source.
   */
  denied: Record<string, DeniedReason>;
}

/**
 * Returns the features that a user may use at an instant, and why others are denied. The answer is valid
 * until `next_change_at`.
 *
 * @param segments the user's timeline, in any order.
 * @param instant epoch milliseconds.
 * @param featureCodes the features to include; all by default. `next_change_at` always covers all features.
 */
export function answerAt(
  identity: AnswerIdentity,
  segments: Timeline,
  instant: number,
  featureCodes?: readonly string[],
): EntitlementsAnswer {
  const wanted = featureCodes === undefined ? null : new Set(featureCodes);
  const byFeature = Map.groupBy(segments, ({ featureCode }) => featureCode);
  const live = segments
    .filter((segment) => isAt(segment, instant) && (wanted?.has(segment.featureCode) ?? true))
    .toSorted((a, b) => byText(a.featureCode, b.featureCode));
  return {
    body: {
      project_id: identity.projectId,
      user_id: identity.userId,
      revision: identity.revision,
      entitlements: live
        .filter(({ reason }) => reason === 'granted')
        .map((segment) => entryOf(segment, byFeature.get(segment.featureCode) ?? [])),
      next_change_at: isoInstant(nextChangeAt(segments, instant)),
    },
    denied: Object.fromEntries(
      live.flatMap(({ featureCode, reason }) =>
        reason === 'granted' ? [] : [[featureCode, reason] as const],
      ),
    ),
  };
}

/**
 * Maps a segment to an entry of the response body.
 *
 * @param ofFeature all segments of the same feature.
 */
function entryOf(segment: Segment, ofFeature: Timeline): EntitlementEntry {
  const { validFrom, validTo } = unbrokenPeriod(segment, ofFeature);
  return {
    feature_code: segment.featureCode,
    type: segment.featureType,
    value: valueOf(segment),
    valid_from: isoInstant(validFrom),
    valid_to: isoInstant(validTo),
    sources: sourcesOf(segment),
  };
}

/** Returns the unbroken period in which the feature has this segment's value, whatever the sources. */
function unbrokenPeriod(
  segment: Segment,
  ofFeature: Timeline,
): Pick<Segment, 'validFrom' | 'validTo'> {
  const value = valueOf(segment);
  const sameValue = ofFeature
    .filter((one) => one.reason === 'granted' && isDeepStrictEqual(valueOf(one), value))
    .toSorted((a, b) => startOf(a) - startOf(b));
  // A granted segment always has a start, so a missing end (null) never equals a start.
  let last = segment;
  for (const one of sameValue) if (one.validFrom === last.validTo) last = one;
  let first = segment;
  for (const one of sameValue.toReversed()) if (one.validTo === first.validFrom) first = one;
  return { validFrom: first.validFrom, validTo: last.validTo };
}

/**
 * Returns the first instant after `instant` at which time alone changes the answer; null if it never does.
 * Adjacent segments differ, so the answer changes at every segment bound.
 */
export function nextChangeAt(segments: readonly Segment[], instant: number): number | null {
  let next: number | null = null;
  for (const { validFrom, validTo } of segments) {
    for (const bound of [validFrom, validTo]) {
      if (bound !== null && bound > instant && (next === null || bound < next)) next = bound;
    }
  }
  return next;
}

function startOf({ validFrom }: Segment): number {
  return validFrom ?? -Infinity;
}

function isAt({ validFrom, validTo }: Segment, instant: number): boolean {
  return (validFrom === null || validFrom <= instant) && (validTo === null || instant < validTo);
}

function isoInstant(instant: number | null): string | null {
  return instant === null ? null : new Date(instant).toISOString();
}
