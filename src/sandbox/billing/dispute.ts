import { newId } from '../state/ids.ts';
import { change, emit } from '../state/events.ts';
import type { Charge, Dispute } from '../state/tables.ts';
import type { World } from '../state/world.ts';
import { addDays } from './period.ts';

const daysToRespond = 7;

/** The buyer's bank asks for the money back, or (`inquiry`) only asks. */
export function openDispute(
  world: World,
  charge: Charge,
  amount: number,
  inquiry: boolean,
): Dispute {
  const dispute: Dispute = {
    id: newId('du'),
    object: 'dispute',
    amount,
    balance_transactions: [],
    charge: charge.id,
    created: world.clock.seconds(),
    currency: charge.currency,
    enhanced_eligibility_types: [],
    evidence: noEvidence(),
    evidence_details: {
      due_by: addDays(world.clock.seconds(), daysToRespond),
      enhanced_eligibility: {},
      has_evidence: false,
      past_due: false,
      submission_count: 0,
      submission_method: 'manual',
    },
    intended_submission_method: null,
    is_charge_refundable: inquiry,
    livemode: false,
    metadata: {},
    payment_intent: charge.payment_intent,
    reason: 'fraudulent',
    status: inquiry ? 'warning_needs_response' : 'needs_response',
  };
  world.tables.disputes.set(dispute.id, dispute);
  charge.disputed = true;
  emit(world, 'charge.dispute.created', dispute);
  if (!inquiry) {
    emit(world, 'charge.dispute.funds_withdrawn', dispute);
  }
  return dispute;
}

export type DisputeStatus = 'won' | 'lost' | 'warning_closed' | 'prevented';

/** The bank has decided. */
export function closeDispute(world: World, dispute: Dispute, status: DisputeStatus): void {
  change(world, 'charge.dispute.closed', dispute, () => {
    dispute.status = status;
    dispute.is_charge_refundable = false;
  });
  if (status === 'won') {
    emit(world, 'charge.dispute.funds_reinstated', dispute);
  }
}

function noEvidence(): Dispute['evidence'] {
  return {
    access_activity_log: null,
    billing_address: null,
    cancellation_policy: null,
    cancellation_policy_disclosure: null,
    cancellation_rebuttal: null,
    customer_communication: null,
    customer_email_address: null,
    customer_name: null,
    customer_purchase_ip: null,
    customer_signature: null,
    duplicate_charge_documentation: null,
    duplicate_charge_explanation: null,
    duplicate_charge_id: null,
    enhanced_evidence: {},
    product_description: null,
    receipt: null,
    refund_policy: null,
    refund_policy_disclosure: null,
    refund_refusal_explanation: null,
    service_date: null,
    service_documentation: null,
    shipping_address: null,
    shipping_carrier: null,
    shipping_date: null,
    shipping_documentation: null,
    shipping_tracking_number: null,
    uncategorized_file: null,
    uncategorized_text: null,
  };
}
