import { change } from '../state/events.ts';
import type { Customer, Invoice } from '../state/tables.ts';
import type { World } from '../state/world.ts';

/*
 * A customer's invoice balance: a negative balance is credit, which the next finalized invoice uses up; the
 * total of a negative invoice becomes credit (docs.stripe.com/billing/customer/balance).
 */

/** Sets what is due on a draft if it were finalized now. The balance itself stays unchanged. */
export function foreseeBalance(world: World, invoice: Invoice): void {
  const starting = customerOf(world, invoice)?.balance ?? 0;
  const due = Math.max(0, invoice.total + starting);
  Object.assign(invoice, {
    starting_balance: starting,
    amount_due: due,
    amount_remaining: due,
  } satisfies Partial<Invoice>);
}

/** Applies the customer's balance to an invoice that is being finalized. */
export function applyBalance(world: World, invoice: Invoice): void {
  foreseeBalance(world, invoice);
  invoice.ending_balance = Math.min(0, invoice.total + invoice.starting_balance);
  moveBalance(world, invoice, invoice.ending_balance - invoice.starting_balance);
}

/** Gives a voided invoice's use of the balance back. */
export function restoreBalance(world: World, invoice: Invoice): void {
  moveBalance(world, invoice, invoice.starting_balance - (invoice.ending_balance ?? 0));
}

function moveBalance(world: World, invoice: Invoice, amount: number): void {
  const customer = customerOf(world, invoice);
  if (customer !== undefined && amount !== 0) {
    change(world, 'customer.updated', customer, () => {
      customer.balance += amount;
    });
  }
}

function customerOf(world: World, { customer }: Invoice): Customer | undefined {
  return world.tables.customers.get(customer ?? '');
}
