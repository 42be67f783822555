/* Computes the gains and losses of users by a correction, from the timelines before and after it. Pure. */

/** A period of a user's timeline over which a feature is allowed. */
export interface AllowedSegment {
  uid: bigint;
  featureCode: string;
  /** The feature's value: `true`, a number, `unlimited`, or JSON. */
  value: unknown;
  /** Epoch milliseconds; null = without end. */
  validFrom: number;
  validTo: number | null;
  /** Whether it is part of the timeline before the correction, and after it. */
  before: boolean;
  after: boolean;
}

/** The effect of a correction on one user. Feature codes, sorted. */
export interface UserEffect {
  uid: bigint;
  projectId: string;
  userId: string;
  gains: string[];
  /** Features that the user may no longer use, now or within a day. */
  losses: string[];
  /** Limits that become lower. */
  lowered: string[];
}

/**
 * Effects are computed for now and for a day ahead, so that access that would end soon counts as a loss, too.
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

/** Returns whether the user loses something. */
export function loses({ losses, lowered }: UserEffect): boolean {
  return losses.length + lowered.length > 0;
}
