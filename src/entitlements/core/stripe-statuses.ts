/*
 * What Stripe's statuses mean: the only lists of them, from which predicates and SQL derive. Stripe's lists
 * are open: an unknown status keeps the last known effect.
 */

interface SubscriptionStatusMeaning {
  /** Whether it is final: an older snapshot that arrives later never reverts it. */
  terminal: boolean;
  /** Whether the first payment was made, or none was due. */
  begun: boolean;
}

const subscriptionStatuses = {
  trialing: { begun: true, terminal: false },
  active: { begun: true, terminal: false },
  past_due: { begun: true, terminal: false },
  unpaid: { begun: true, terminal: false },
  paused: { begun: true, terminal: false },
  canceled: { begun: true, terminal: true },
  incomplete: { begun: false, terminal: false },
  incomplete_expired: { begun: false, terminal: true },
} as const satisfies Record<string, SubscriptionStatusMeaning>;

export type SubscriptionStatus = keyof typeof subscriptionStatuses;

/** The state of the money of a refund or a dispute. */
type MoneyPlace = 'returned' | 'kept' | 'undecided';

/** Pending refunds count like succeeded ones. */
const refundStatuses: Readonly<Record<string, MoneyPlace>> = {
  pending: 'returned',
  requires_action: 'returned',
  succeeded: 'returned',
  failed: 'kept',
  canceled: 'kept',
};

/** Inquiries (`warning_…`) and appeals included. */
const disputeStatuses: Readonly<Record<string, MoneyPlace>> = {
  warning_needs_response: 'undecided',
  warning_under_review: 'undecided',
  warning_closed: 'kept',
  needs_response: 'undecided',
  under_review: 'undecided',
  appeal_needs_response: 'undecided',
  appeal_under_review: 'undecided',
  won: 'kept',
  lost: 'returned',
  prevented: 'kept',
};

/** The final statuses of a subscription. */
export const terminalStatuses = subscriptionStatusesWhere(({ terminal }) => terminal);

/** Those in which the first payment of a subscription was never made. */
export const neverBegunStatuses = subscriptionStatusesWhere(({ begun }) => !begun);

/** The statuses of a refund whose money counts as returned. */
export const returnedRefundStatuses = statusesWith(refundStatuses, 'returned');

/** The statuses of a dispute that took its money. */
export const lostDisputeStatuses = statusesWith(disputeStatuses, 'returned');

/** Returns whether the effect of a subscription's status is known. */
export function isKnownStatus(status: string): status is SubscriptionStatus {
  return Object.hasOwn(subscriptionStatuses, status);
}

/** Returns whether the effect of a refund's status is known. */
export function isKnownRefundStatus(status: string): boolean {
  return Object.hasOwn(refundStatuses, status);
}

/** Returns whether the effect of a dispute's status is known. */
export function isKnownDisputeStatus(status: string): boolean {
  return Object.hasOwn(disputeStatuses, status);
}

/** Returns whether a subscription's status is final. */
export function isTerminal(status: string): boolean {
  return terminalStatuses.includes(status);
}

/** Returns whether the first payment of a subscription in this status was never made. */
export function isNeverBegun(status: string): boolean {
  return neverBegunStatuses.includes(status);
}

/** Returns whether the money of a refund in this status counts as returned. */
export function isReturned(refundStatus: string): boolean {
  return returnedRefundStatuses.includes(refundStatus);
}

/** Returns whether a dispute in this status took its money. */
export function isLost(disputeStatus: string): boolean {
  return lostDisputeStatuses.includes(disputeStatus);
}

/** Returns whether a dispute in this status is undecided. */
export function isUndecided(disputeStatus: string): boolean {
  return disputeStatuses[disputeStatus] === 'undecided';
}

/** Returns statuses as a list for SQL's `in (…)`. */
export function sqlStatuses(statuses: readonly string[]): string {
  return statuses.map((status) => `'${status}'`).join(', ');
}

function subscriptionStatusesWhere(
  matches: (meaning: SubscriptionStatusMeaning) => boolean,
): readonly string[] {
  return Object.entries(subscriptionStatuses)
    .filter(([, meaning]) => matches(meaning))
    .map(([status]) => status);
}

function statusesWith(
  statuses: Readonly<Record<string, MoneyPlace>>,
  place: MoneyPlace,
): readonly string[] {
  return Object.keys(statuses).filter((status) => statuses[status] === place);
}
