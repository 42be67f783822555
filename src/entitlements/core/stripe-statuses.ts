import type Stripe from 'stripe';

/*
 * The meanings of Stripe's statuses: the only lists of them, from which predicates and SQL derive. Stripe's
 * lists are open: an unknown status keeps the last known effect.
 */

/** The statuses that the SDK names. Its own type also admits any other text. */
type Named<Status> = Status extends string ? (string extends Status ? never : Status) : never;

/**
 * `begun`: whether the first payment was made, or none was due. `terminal`: whether it is final, so that an
 * older snapshot that arrives later never reverts it.
 */
const subscriptionStatuses = {
  trialing: { begun: true, terminal: false },
  active: { begun: true, terminal: false },
  past_due: { begun: true, terminal: false },
  unpaid: { begun: true, terminal: false },
  paused: { begun: true, terminal: false },
  canceled: { begun: true, terminal: true },
  incomplete: { begun: false, terminal: false },
  incomplete_expired: { begun: false, terminal: true },
} satisfies Record<Named<Stripe.Subscription.Status>, { begun: boolean; terminal: boolean }>;

export type SubscriptionStatus = keyof typeof subscriptionStatuses;

/** The state of the money of a refund or a dispute. */
type MoneyPlace = 'returned' | 'kept' | 'undecided';

/** Pending refunds count like succeeded ones. The SDK does not name these statuses. */
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
} satisfies Record<Named<Stripe.Dispute.Status>, MoneyPlace>;

/** The final statuses of a subscription. */
export const terminalStatuses = namesOf(subscriptionStatuses, ({ terminal }) => terminal);

/** The statuses of a subscription whose first payment was never made. */
export const neverBegunStatuses = namesOf(subscriptionStatuses, ({ begun }) => !begun);

/** The statuses of a refund whose money counts as returned. */
export const returnedRefundStatuses = namesOf(refundStatuses, (place) => place === 'returned');

/** The statuses of a dispute that took its money. */
export const lostDisputeStatuses = namesOf(disputeStatuses, (place) => place === 'returned');

/** Returns whether the effect of a subscription's status is known. */
export function isKnownStatus(status: string): status is SubscriptionStatus {
  return Object.hasOwn(subscriptionStatuses, status);
}

/** Returns whether the effect of a refund's status is known. */
export const isKnownRefundStatus = isOneOf(Object.keys(refundStatuses));

/** Returns whether the effect of a dispute's status is known. */
export const isKnownDisputeStatus = isOneOf(Object.keys(disputeStatuses));

/** Returns whether a subscription's status is final. */
export const isTerminal = isOneOf(terminalStatuses);

/** Returns whether the first payment of a subscription in this status was never made. */
export const isNeverBegun = isOneOf(neverBegunStatuses);

/** Returns whether the money of a refund in this status counts as returned. */
export const isReturned = isOneOf(returnedRefundStatuses);

/** Returns whether a dispute in this status took its money. */
export const isLost = isOneOf(lostDisputeStatuses);

/** Returns whether a dispute in this status is undecided. */
export const isUndecided = isOneOf(namesOf(disputeStatuses, (place) => place === 'undecided'));

/** Returns statuses as a list for SQL's `in (…)`. */
export function sqlStatuses(statuses: readonly string[]): string {
  return statuses.map((status) => `'${status}'`).join(', ');
}

function namesOf<Meaning>(
  statuses: Readonly<Record<string, Meaning>>,
  matches: (meaning: Meaning) => boolean,
): readonly string[] {
  return Object.entries(statuses).flatMap(([name, meaning]) => (matches(meaning) ? [name] : []));
}

function isOneOf(statuses: readonly string[]): (status: string) => boolean {
  return (status) => statuses.includes(status);
}
