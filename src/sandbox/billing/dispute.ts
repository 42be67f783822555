import { newId } from '../state/ids.ts';
import { change, emit } from '../state/events.ts';
import type { Charge, Dispute } from '../state/tables.ts';
import type { World } from '../state/world.ts';
import { invalid } from '../stripe-error.ts';
import { addDays } from './period.ts';

const daysToRespond = 7;

export interface DisputeRequest {
  /** Defaults to the charge's amount. Exchange rates or bank fees can make it differ. */
  amount?: number;
  /** The buyer's currency. Defaults to the charge's. */
  currency?: string;
  /** Whether this is an inquiry, which does not withdraw money yet. */
  inquiry?: boolean;
}

/** Opens a dispute, as the buyer's bank would. */
export function openDispute(
  world: World,
  charge: Charge,
  { amount = charge.amount, currency = charge.currency, inquiry = false }: DisputeRequest,
): Dispute {
  const dispute: Dispute = {
    id: newId('du'),
    object: 'dispute',
    amount,
    balance_transactions: [],
    charge: charge.id,
    created: world.clock.seconds(),
    currency,
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

/** All dispute statuses. The last four close a dispute, although a lost one can be appealed. */
export const disputeStatuses = [
  'warning_needs_response',
  'warning_under_review',
  'needs_response',
  'under_review',
  'appeal_needs_response',
  'appeal_under_review',
  'won',
  'lost',
  'warning_closed',
  'prevented',
] as const;

export type DisputeStatus = (typeof disputeStatuses)[number];

const closed: ReadonlySet<string> = new Set<DisputeStatus>([
  'won',
  'lost',
  'warning_closed',
  'prevented',
]);

/**
 * Changes a dispute's status and sends the matching funds events: funds are withdrawn when an inquiry becomes
 * a chargeback or is lost, and reinstated when a dispute is won.
 */
export function moveDispute(world: World, dispute: Dispute, status: DisputeStatus): void {
  const inquiry = dispute.status.startsWith('warning_');
  const type = closed.has(status) ? 'charge.dispute.closed' : 'charge.dispute.updated';
  change(world, type, dispute, () => {
    dispute.status = status;
    dispute.is_charge_refundable = status.startsWith('warning_') && status !== 'warning_closed';
  });
  if (inquiry && (status === 'needs_response' || status === 'lost')) {
    emit(world, 'charge.dispute.funds_withdrawn', dispute);
  }
  if (status === 'won' && !inquiry) {
    emit(world, 'charge.dispute.funds_reinstated', dispute);
  }
}

/** Submits the evidence, after which the bank decides. */
export function submitEvidence(world: World, dispute: Dispute): void {
  const next: Partial<Record<string, DisputeStatus>> = {
    warning_needs_response: 'warning_under_review',
    needs_response: 'under_review',
    appeal_needs_response: 'appeal_under_review',
  };
  const status = next[dispute.status];
  if (status === undefined) {
    throw invalid(`This dispute's status is \`${dispute.status}\`: it does not accept evidence.`);
  }
  dispute.evidence_details.has_evidence = true;
  dispute.evidence_details.submission_count += 1;
  moveDispute(world, dispute, status);
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
