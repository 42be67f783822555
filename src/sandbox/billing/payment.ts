import { newId } from '../state/ids.ts';
import { change, emit } from '../state/events.ts';
import type { Charge, PaymentIntent } from '../state/tables.ts';
import type { World } from '../state/world.ts';
import { book, bookFailure } from './balance.ts';

export interface PaymentRequest {
  amount: number;
  currency: string;
  customer: string | null;
  metadata: Record<string, string>;
  description: string | null;
  email: string | null;
}

/** The outcome of charging a payment method. `processing` means that a later settlement decides it. */
export type ChargeOutcome = 'succeeded' | 'declined' | 'processing';

/** The outcome of a payment attempt. `action_required` means that the buyer must authenticate first. */
export type PaymentOutcome = ChargeOutcome | 'action_required';

export function createPaymentIntent(world: World, request: PaymentRequest): PaymentIntent {
  const id = newId('pi');
  const intent: PaymentIntent = {
    id,
    object: 'payment_intent',
    allowed_payment_method_types: null,
    amount: request.amount,
    amount_capturable: 0,
    amount_received: 0,
    application: null,
    application_fee_amount: null,
    automatic_payment_methods: null,
    canceled_at: null,
    cancellation_reason: null,
    capture_method: 'automatic',
    client_secret: `${id}_secret_sandbox`,
    confirmation_method: 'automatic',
    created: world.clock.seconds(),
    currency: request.currency,
    customer: request.customer,
    customer_account: null,
    description: request.description,
    excluded_payment_method_types: null,
    last_payment_error: null,
    latest_charge: null,
    livemode: false,
    managed_payments: null,
    metadata: request.metadata,
    next_action: null,
    on_behalf_of: null,
    payment_method: null,
    payment_method_configuration_details: null,
    payment_method_options: null,
    payment_method_types: ['card'],
    payment_record: null,
    processing: null,
    receipt_email: request.email,
    review: null,
    setup_future_usage: null,
    shipping: null,
    source: null,
    statement_descriptor: null,
    statement_descriptor_suffix: null,
    status: 'requires_payment_method',
    transfer_group: null,
  };
  world.tables.paymentIntents.set(id, intent);
  emit(world, 'payment_intent.created', intent);
  return intent;
}

/** Makes one payment attempt: creates a charge, updates the PaymentIntent and sends their events. */
export function attempt(
  world: World,
  intent: PaymentIntent,
  outcome: ChargeOutcome,
  method = newId('pm'),
): Charge {
  intent.payment_method = method;
  const charge = createCharge(world, intent);
  intent.latest_charge = charge.id;
  if (outcome === 'processing') {
    intent.status = 'processing';
    emit(world, 'charge.pending', charge);
    emit(world, 'payment_intent.processing', intent);
  } else {
    settle(world, intent, outcome === 'succeeded');
  }
  return charge;
}

/** Requires the buyer to authenticate. No charge is created until then. */
export function requireAction(world: World, intent: PaymentIntent, method: string): void {
  Object.assign(intent, {
    payment_method: method,
    status: 'requires_action',
    next_action: { type: 'use_stripe_sdk' },
  } satisfies Partial<PaymentIntent>);
  emit(world, 'payment_intent.requires_action', intent);
}

/** Settles a payment attempt: its charge succeeds or fails. */
export function settle(world: World, intent: PaymentIntent, succeeded: boolean): void {
  const charge = world.tables.charges.get(intent.latest_charge ?? '');
  if (charge === undefined) {
    throw new Error(`PaymentIntent ${intent.id} has no charge to settle.`);
  }
  world.tables.settlements.delete(intent.id);
  if (succeeded) {
    Object.assign(charge, {
      status: 'succeeded',
      paid: true,
      captured: true,
      amount_captured: charge.amount,
    } satisfies Partial<Charge>);
    if (charge.balance_transaction === null) {
      book(world, charge);
    }
    Object.assign(intent, {
      status: 'succeeded',
      amount_received: intent.amount,
      last_payment_error: null,
    } satisfies Partial<PaymentIntent>);
    emit(world, 'charge.succeeded', charge);
    emit(world, 'payment_intent.succeeded', intent);
    return;
  }
  const message = 'Your card was declined.';
  Object.assign(charge, {
    status: 'failed',
    failure_code: 'card_declined',
    failure_message: message,
  } satisfies Partial<Charge>);
  if (charge.balance_transaction !== null) {
    bookFailure(world, charge);
  }
  Object.assign(intent, {
    status: 'requires_payment_method',
    payment_method: null,
    last_payment_error: {
      type: 'card_error',
      code: 'card_declined',
      decline_code: 'generic_decline',
      charge: charge.id,
      message,
    },
  } satisfies Partial<PaymentIntent>);
  emit(world, 'charge.failed', charge);
  emit(world, 'payment_intent.payment_failed', intent);
}

export function cancelPaymentIntent(world: World, intent: PaymentIntent): void {
  change(world, 'payment_intent.canceled', intent, () => {
    intent.status = 'canceled';
    intent.canceled_at = world.clock.seconds();
  });
}

function createCharge(world: World, intent: PaymentIntent): Charge {
  const charge: Charge = {
    id: newId('ch'),
    object: 'charge',
    amount: intent.amount,
    amount_captured: 0,
    amount_refunded: 0,
    application: null,
    application_fee: null,
    application_fee_amount: null,
    balance_transaction: null,
    billing_details: {
      address: null,
      email: intent.receipt_email,
      name: null,
      phone: null,
      tax_id: null,
    },
    calculated_statement_descriptor: 'SANDBOX',
    captured: false,
    created: world.clock.seconds(),
    currency: intent.currency,
    customer: intent.customer,
    description: intent.description,
    disputed: false,
    failure_balance_transaction: null,
    failure_code: null,
    failure_message: null,
    fraud_details: {},
    livemode: false,
    metadata: { ...intent.metadata },
    on_behalf_of: null,
    outcome: null,
    paid: false,
    payment_intent: intent.id,
    payment_method: intent.payment_method,
    payment_method_details: null,
    receipt_email: intent.receipt_email,
    receipt_number: null,
    receipt_url: null,
    refunded: false,
    review: null,
    shipping: null,
    source: null,
    source_transfer: null,
    statement_descriptor: null,
    statement_descriptor_suffix: null,
    status: 'pending',
    transfer_data: null,
    transfer_group: null,
  };
  world.tables.charges.set(charge.id, charge);
  return charge;
}
