import type Stripe from 'stripe';

/*
 * The meanings of Stripe's statuses, from which predicates and SQL derive. Stripe may add statuses. An object
 * that moves to an unknown one keeps the effect of its last known status.
 */

/** The statuses that the SDK names. The SDK's own type also allows any other string. */
type Named<Status> = Status extends string ? (string extends Status ? never : Status) : never;

/**
 * `begun`: the first payment was made, or none was due. `terminal`: the status is final, so an older snapshot
 * that arrives later does not revert it.
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

/** What happened to the money of a refund or dispute. */
type MoneyState = 'returned' | 'kept' | 'undecided';

/** The SDK does not name refund statuses. A pending refund counts as succeeded. */
const refundStatuses: Readonly<Record<string, MoneyState>> = {
  pending: 'returned',
  requires_action: 'returned',
  succeeded: 'returned',
  failed: 'kept',
  canceled: 'kept',
};

/** The statuses of disputes, inquiries (`warning_…`) and appeals. */
const disputeStatuses: Readonly<Record<string, MoneyState>> = {
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
} satisfies Record<Named<Stripe.Dispute.Status>, MoneyState>;

/** The final statuses of a subscription. */
export const terminalStatuses = namesOf(subscriptionStatuses, ({ terminal }) => terminal);

/** The statuses of a subscription that never began: its first payment was not made. */
export const neverBegunStatuses = namesOf(subscriptionStatuses, ({ begun }) => !begun);

/** The statuses of a refund that count as money returned. */
export const returnedRefundStatuses = namesOf(refundStatuses, (state) => state === 'returned');

/** The statuses of a lost dispute. */
export const lostDisputeStatuses = namesOf(disputeStatuses, (state) => state === 'returned');

/** Returns whether the effect of this subscription status is known. */
export function isKnownStatus(status: string): status is SubscriptionStatus {
  return Object.hasOwn(subscriptionStatuses, status);
}

/** Returns whether the effect of this refund status is known. */
export const isKnownRefundStatus = isOneOf(Object.keys(refundStatuses));

/** Returns whether the effect of this dispute status is known. */
export const isKnownDisputeStatus = isOneOf(Object.keys(disputeStatuses));

/** Returns whether this subscription status is final. */
export const isTerminal = isOneOf(terminalStatuses);

/** Returns whether a subscription in this status never had its first payment. */
export const isNeverBegun = isOneOf(neverBegunStatuses);

/** Returns whether a refund in this status counts as money returned. */
export const isReturned = isOneOf(returnedRefundStatuses);

/** Returns whether a dispute in this status is lost. */
export const isLost = isOneOf(lostDisputeStatuses);

/** Returns whether a dispute in this status is undecided. */
export const isUndecided = isOneOf(namesOf(disputeStatuses, (state) => state === 'undecided'));

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
