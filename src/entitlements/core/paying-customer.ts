import { isNeverBegun, isTerminal } from './stripe-statuses.ts';

/** A user's customer in Stripe, with the user's subscriptions and purchases through that customer. */
export interface UserCustomer {
  id: string;
  isPrimary: boolean;
  createdAt: Date;
  subscriptionStatuses: readonly string[];
  purchases: number;
}

/**
 * Returns the customer to use for a user's checkout and portal: one with a live subscription; otherwise one
 * that has bought something, including subscriptions that have ended; otherwise the primary one, which the
 * last checkout used. If several qualify, the primary one takes precedence, then the oldest. Pure.
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
