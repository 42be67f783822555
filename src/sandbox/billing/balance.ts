import { newId } from '../state/ids.ts';
import type { BalanceTransaction, Charge } from '../state/tables.ts';
import type { World } from '../state/world.ts';
import { addDays } from './period.ts';

const daysToAvailable = 7;

/** Adds a charge to the account's balance. The amount stays pending until it becomes available. */
export function book(world: World, charge: Charge): void {
  charge.balance_transaction = addTransaction(world, charge, 'payment', charge.amount);
}

/** Reverses a charge's balance transaction after its payment failed. */
export function bookFailure(world: World, charge: Charge): void {
  charge.failure_balance_transaction = addTransaction(
    world,
    charge,
    'payment_failure_refund',
    -charge.amount,
  );
}

function addTransaction(
  world: World,
  charge: Charge,
  type: BalanceTransaction['type'],
  amount: number,
): string {
  const now = world.clock.seconds();
  const transaction: BalanceTransaction = {
    id: newId('txn'),
    object: 'balance_transaction',
    amount,
    available_on: addDays(now, daysToAvailable),
    balance_type: 'payments',
    created: now,
    currency: charge.currency,
    description: charge.description,
    exchange_rate: null,
    fee: 0,
    fee_details: [],
    net: amount,
    reporting_category: amount < 0 ? 'charge_failure' : 'charge',
    source: charge.id,
    status: 'pending',
    type,
  };
  world.tables.balanceTransactions.set(transaction.id, transaction);
  return transaction.id;
}
