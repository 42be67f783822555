import { newId } from '../state/ids.ts';
import { change, emit } from '../state/events.ts';
import type { Charge, Refund } from '../state/tables.ts';
import type { World } from '../state/world.ts';
import { invalid } from '../stripe-error.ts';

export interface RefundRequest {
  /** Null refunds the remaining amount. */
  amount: number | null;
  reason: Refund['reason'];
  metadata: Record<string, string>;
  /**
   * Whether the refund starts as pending, as with slow payment methods. A pending refund already counts as
   * refunded.
   */
  pending?: boolean;
}

/** Refunds a charge in full or in part. */
export function refundCharge(world: World, charge: Charge, request: RefundRequest): Refund {
  const left = charge.amount_captured - charge.amount_refunded;
  if (left <= 0) {
    throw invalid(`Charge ${charge.id} has already been refunded.`, 'charge_already_refunded');
  }
  const amount = request.amount ?? left;
  if (amount > left || amount <= 0) {
    throw invalid(
      `Refund amount (${amount}) is greater than unrefunded amount on charge (${left})`,
      'parameter_invalid_integer',
      'amount',
    );
  }
  const refund: Refund = {
    id: newId('re'),
    object: 'refund',
    amount,
    balance_transaction: null,
    charge: charge.id,
    created: world.clock.seconds(),
    currency: charge.currency,
    customer: charge.customer,
    customer_account: null,
    metadata: request.metadata,
    payment_intent: charge.payment_intent,
    payment_method: charge.payment_method,
    reason: request.reason,
    receipt_number: null,
    source_transfer_reversal: null,
    status: request.pending === true ? 'pending' : 'succeeded',
    transfer_reversal: null,
  };
  world.tables.refunds.set(refund.id, refund);
  emit(world, 'refund.created', refund);
  change(world, 'charge.refunded', charge, () => {
    setRefunded(charge, charge.amount_refunded + amount);
  });
  return refund;
}

/** Completes a pending refund. */
export function settleRefund(world: World, refund: Refund): void {
  if (refund.status !== 'pending') {
    throw invalid(
      `Refund ${refund.id} is \`${String(refund.status)}\`; only a pending refund can be settled.`,
    );
  }
  change(world, 'refund.updated', refund, () => {
    refund.status = 'succeeded';
  });
  emit(world, 'charge.refund.updated', refund);
}

/** Fails a refund, as if the bank returned the money. The amount no longer counts as refunded. */
export function failRefund(world: World, refund: Refund): void {
  const charge = world.tables.charges.get(refund.charge ?? '');
  if (refund.status === 'failed' || charge === undefined) {
    throw invalid(
      `Refund ${refund.id} is \`${String(refund.status)}\` and cannot be failed. Create a new refund.`,
    );
  }
  change(world, 'refund.updated', refund, () => {
    refund.status = 'failed';
    refund.failure_reason = 'lost_or_stolen_card';
  });
  emit(world, 'refund.failed', refund);
  emit(world, 'charge.refund.updated', refund);
  change(world, 'charge.updated', charge, () => {
    setRefunded(charge, charge.amount_refunded - refund.amount);
  });
}

function setRefunded(charge: Charge, amount: number): void {
  charge.amount_refunded = amount;
  charge.refunded = amount >= charge.amount_captured;
}
