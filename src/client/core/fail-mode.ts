import { type Check, denial, instantOf, type Known, needsBalance } from './answer.ts';

/**
 * What a check returns while the service is unreachable and no fresh answer is known. `last_known`: what the
 * last answer says, unless it is too old, and a denial for a metered feature; `deny`, `allow`: always that result.
 */
export type FailMode = 'last_known' | 'deny' | 'allow';

/** One fail mode for all features, or a default and the fail modes of single features. */
export type FailModes<Code extends string = string> =
  FailMode | { default?: FailMode; features?: Partial<Record<Code, FailMode>> };

/** Returns the fail mode of a feature; `last_known` by default. */
export function failModeOf(modes: FailModes | undefined, code: string): FailMode {
  if (modes === undefined || typeof modes === 'string') return modes ?? 'last_known';
  return modes.features?.[code] ?? modes.default ?? 'last_known';
}

/**
 * Returns the check of a feature without the service. `last_known` allows what the last answer allowed, until
 * the entitlement ends, the answer is older than `maxLastKnownMs`, or a reported change takes the feature.
 *
 * @param known the last answer; undefined if the user was never loaded.
 */
export function degradedCheck(
  mode: FailMode,
  known: Known | undefined,
  code: string,
  now: number,
  maxLastKnownMs: number,
): Check {
  const denied = denial('unavailable', known?.answer.revision ?? 0, 'fallback');
  if (mode === 'allow') return { ...denied, allowed: true };
  const isOld = known === undefined || now >= known.fetchedAt + maxLastKnownMs;
  if (mode === 'deny' || isOld) return denied;
  const last = known.reports.get(code) ?? answerAt(known, now).checks.get(code);
  // Without its balance, a metered feature may be used up.
  if (last === undefined || needsBalance(last)) return denied;
  if (last.allowed && now >= instantOf(last.validTo)) {
    return denial('expired', last.revision, 'last_known');
  }
  return { ...last, source: 'last_known' };
}

/** Returns the answer that holds at an instant, as far as it was loaded. */
function answerAt(known: Known, now: number): Known {
  return known.upcoming !== null && now >= known.nextChangeAt ? known.upcoming : known;
}
