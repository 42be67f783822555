import { isNeverBegun, isTerminal } from '../../entitlements/core/stripe-statuses.ts';

/** A user's customer at Stripe, with the user's subscriptions and purchases through it. */
export interface UserCustomer {
  id: string;
  isPrimary: boolean;
  createdAt: Date;
  subscriptionStatuses: readonly string[];
  purchases: number;
}

/**
 * Returns the customer of a user for checkout and the portal: the one with a live subscription; otherwise one
 * that has bought something, ended subscriptions included; otherwise the primary, which the last checkout used.
 * Among equal ones, the primary and then the oldest has priority. Pure.
 */
export function choosePayingCustomer(customers: readonly UserCustomer[]): UserCustomer | null {
  const [first] = customers.toSorted(
    (a, b) =>
      standing(b) - standing(a) ||
      Number(b.isPrimary) - Number(a.isPrimary) ||
      a.createdAt.getTime() - b.createdAt.getTime() ||
      (a.id < b.id ? -1 : 1),
  );
  return first ?? null;
}

function standing({ subscriptionStatuses, purchases }: UserCustomer): number {
  if (subscriptionStatuses.some(isLive)) return 2;
  return purchases > 0 || subscriptionStatuses.some((status) => !isNeverBegun(status)) ? 1 : 0;
}

/**
 * Returns whether the user may owe for the subscription or manage it. An unknown status may still cost money.
 */
function isLive(status: string): boolean {
  return !isTerminal(status) && !isNeverBegun(status);
}
