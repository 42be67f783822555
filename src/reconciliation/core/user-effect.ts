/*
 * Computes what users gain and lose through a correction, by comparing their timelines before and after.
 * Pure.
 */

/** A period of a user's timeline over which a feature is allowed. */
export interface AllowedSegment {
  uid: bigint;
  featureCode: string;
  /** The feature's value: `true`, a number, `unlimited`, or JSON. */
  value: unknown;
  /** Epoch milliseconds. */
  validFrom: number;
  /** Epoch milliseconds; null if the segment has no end. */
  validTo: number | null;
  /** Whether the segment is in the timeline before the correction. */
  before: boolean;
  /** Whether the segment is in the timeline after the correction. */
  after: boolean;
}

/** The effect of a correction on one user, as sorted feature codes. */
export interface UserEffect {
  uid: bigint;
  projectId: string;
  userId: string;
  gains: string[];
  /** Features that the user may no longer use, now or in a day's time. */
  losses: string[];
  /** Limits that decrease. */
  lowered: string[];
}

/**
 * Effects are also computed for a day from now, so that shortening access to less than that counts as a loss.
 */
const horizonMs = 86_400_000;

/**
 * Computes the effect of a correction on a user.
 *
 * @param now epoch milliseconds.
 */
export function effectOn(
  user: { uid: bigint; projectId: string; userId: string },
  segments: readonly AllowedSegment[],
  now: number,
): UserEffect {
  const gains = new Set<string>();
  const losses = new Set<string>();
  const lowered = new Set<string>();
  for (const instant of [now, now + horizonMs]) {
    const before = valuesAt(segments, instant, 'before');
    const after = valuesAt(segments, instant, 'after');
    for (const code of after.keys()) if (!before.has(code)) gains.add(code);
    for (const [code, value] of before) {
      if (!after.has(code)) losses.add(code);
      else if (isLower(after.get(code), value)) lowered.add(code);
    }
  }
  return {
    uid: user.uid,
    projectId: user.projectId,
    userId: user.userId,
    gains: [...gains].sort(),
    losses: [...losses].sort(),
    lowered: [...lowered].sort(),
  };
}

function valuesAt(
  segments: readonly AllowedSegment[],
  instant: number,
  side: 'before' | 'after',
): Map<string, unknown> {
  return new Map(
    segments
      .filter((segment) => segment[side])
      .filter(({ validFrom, validTo }) => validFrom <= instant && (validTo ?? Infinity) > instant)
      .map(({ featureCode, value }) => [featureCode, value]),
  );
}

function isLower(value: unknown, former: unknown): boolean {
  if (typeof value !== 'number') return false;
  return former === 'unlimited' || (typeof former === 'number' && value < former);
}

/** Returns whether the user loses a feature or part of a limit. */
export function loses({ losses, lowered }: UserEffect): boolean {
  return losses.length + lowered.length > 0;
}
