/*
 * Computes which subscriptions began and ended in a window (docs/reports.md, "New, churned, reactivated,
 * trialing"). All windows are half-open; instants are epoch milliseconds.
 */

export interface ReportWindow {
  from: number;
  to: number;
}

/** The period of a subscription that has begun. */
export interface SubscriptionSpan {
  /** The user or, without a user, the Stripe customer. Unique within the project. */
  subscriber: string;
  startAt: number;
  /** Null while the subscription is running. */
  endAt: number | null;
  trialStartAt: number | null;
  trialEndAt: number | null;
}

export interface Movement {
  started: number;
  churned: number;
  reactivated: number;
  trialing: number;
}

/**
 * Computes how many subscriptions began, ended or were in a trial in a window.
 *
 * @param spans all spans of every subscriber that has one in the window.
 */
export function computeMovement(
  spans: readonly SubscriptionSpan[],
  window: ReportWindow,
): Movement {
  const within = (instant: number | null): boolean =>
    instant !== null && instant >= window.from && instant < window.to;
  const movement = { started: 0, churned: 0, reactivated: 0, trialing: 0 };
  for (const [, ofSubscriber] of Map.groupBy(spans, ({ subscriber }) => subscriber)) {
    for (const span of ofSubscriber) {
      if (within(span.startAt)) {
        movement[isReactivation(span, ofSubscriber) ? 'reactivated' : 'started'] += 1;
      }
      if (within(span.endAt)) movement.churned += 1;
      if (isTrialing(span, window)) movement.trialing += 1;
    }
  }
  return movement;
}

/** Returns whether the subscriber had earlier subscriptions that had all ended when this one began. */
function isReactivation(
  { startAt }: SubscriptionSpan,
  ofSubscriber: readonly SubscriptionSpan[],
): boolean {
  const before = ofSubscriber.filter((other) => other.startAt < startAt);
  return before.length > 0 && before.every(({ endAt }) => endAt !== null && endAt < startAt);
}

/** Returns whether the subscription was in its trial at any instant of the window. */
function isTrialing(
  { trialStartAt, trialEndAt, endAt }: SubscriptionSpan,
  { from, to }: ReportWindow,
): boolean {
  if (trialStartAt === null || trialEndAt === null) return false;
  const until = Math.min(trialEndAt, endAt ?? Infinity);
  return trialStartAt < to && until > from && until > trialStartAt;
}
