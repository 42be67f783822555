/**
 * Why a feature is granted or denied: a closed list, part of the HTTP contract. If several reasons apply, the
 * answer has the first one. All except `feature_not_found` and `no_source` are stored and listed in a check
 * constraint.
 */
export const reasons = {
  feature_not_found: 'the project has no such feature',
  granted: 'the user may use it',
  revoked: 'an operator took it away',
  payment_overdue: 'unpaid, and the grace period has ended',
  not_yet_valid: 'it begins later',
  expired: 'ended, canceled, refunded or disputed',
  no_source: 'no known source gives it',
} as const;

export type AnswerReason = keyof typeof reasons;

/** Why `check` and the routes that change usage allow or deny. */
export const checkReasons = {
  ...reasons,
  limit_reached: 'less is left of the metered feature than the amount',
} as const;

export type CheckReason = keyof typeof checkReasons;

/** The reasons of features that the project has. */
export type Reason = Exclude<AnswerReason, 'feature_not_found'>;

interface SourceDenialMeaning {
  /** Why the source does not count. */
  why: string;
  /** Whether the source has begun, so that it counts as ended (`hasEnded`). */
  hasLapsed: boolean;
}

/** The reasons why a source may not count. A denial has the first reason that applies to any source. */
export const sourceDenials = {
  payment_overdue: {
    why: 'its subscription is past its grace period, unpaid, incomplete or paused',
    hasLapsed: true,
  },
  not_yet_valid: {
    why: 'its window has not begun, or it waits for an earlier purchase to end',
    hasLapsed: false,
  },
  expired: { why: 'its window has ended: used up, canceled or never paid for', hasLapsed: true },
} as const satisfies Partial<Record<Reason, SourceDenialMeaning>>;

export type SourceDenial = keyof typeof sourceDenials;

export const sourceDenialNames = Object.keys(sourceDenials) as SourceDenial[]; // exactly the keys of the record

/** Why a source does not count, by reason. */
export const sourceDenialWhys = Object.fromEntries(
  sourceDenialNames.map((reason) => [reason, sourceDenials[reason].why]),
) as Readonly<Record<SourceDenial, string>>; // has an entry for every reason
