import { change, emit } from '../state/events.ts';
import { newId } from '../state/ids.ts';
import type {
  Charge,
  Customer,
  MethodBehavior,
  PaymentMethod,
  TestMethod,
} from '../state/tables.ts';
import type { World } from '../state/world.ts';
import { missing, StripeFault } from '../stripe-error.ts';
import { openDispute } from './dispute.ts';
import type { ChargeOutcome } from './payment.ts';

/** Stripe's test cards, keyed by their names without the prefix `pm_card_` or `tok_`. */
const testCards: Readonly<Record<string, MethodBehavior>> = {
  visa: 'pays',
  mastercard: 'pays',
  amex: 'pays',
  bypassPending: 'pays',
  chargeDeclined: 'declines',
  visa_chargeDeclined: 'declines',
  chargeCustomerFail: 'fails_later',
  authenticationRequired: 'asks_the_buyer',
  threeDSecure2Required: 'asks_the_buyer',
  createDispute: 'is_disputed',
  createDisputeInquiry: 'is_inquired',
};

/** Stripe's test IBANs whose debits fail. Debits from all other IBANs succeed. */
const failingIbans: ReadonlySet<string> = new Set([
  'AT861904300235473202',
  'DE62370400440532013001',
  'IT60X0542811101000000123456',
]);

/** Creates a card from a token such as `tok_visa`. */
export function methodOfToken(world: World, token: string): PaymentMethod {
  const behavior = testCards[token.replace(/^tok_/, '')];
  if (!token.startsWith('tok_') || behavior === undefined) {
    throw missing('token', token, 'source', 400);
  }
  return addMethod(world, 'card', behavior);
}

/** Creates a SEPA Direct Debit payment method from an IBAN. */
export function methodOfIban(world: World, iban: string): PaymentMethod {
  return addMethod(world, 'sepa_debit', failingIbans.has(iban) ? 'debit_fails' : 'debit_pays');
}

/**
 * Returns the payment method with an id. The name of a test card, such as `pm_card_visa`, creates a new one.
 */
export function methodOf(world: World, id: string, status = 400): PaymentMethod {
  const behavior = id.startsWith('pm_card_') ? testCards[id.slice('pm_card_'.length)] : undefined;
  const known = world.tables.paymentMethods.get(id);
  if (known !== undefined) return known;
  if (behavior === undefined) throw missing('PaymentMethod', id, 'payment_method', status);
  return addMethod(world, 'card', behavior);
}

export function behaviorOf(world: World, { id }: PaymentMethod): MethodBehavior {
  return world.tables.testMethods.get(id)?.behavior ?? 'pays';
}

/** Returns the outcome of charging a payment method. */
export function outcomeOfMethod(world: World, method: PaymentMethod): ChargeOutcome {
  switch (behaviorOf(world, method)) {
    case 'declines':
    case 'fails_later':
    case 'asks_the_buyer':
      return 'declined';
    case 'debit_pays':
    case 'debit_fails':
      return 'processing';
    case 'pays':
    case 'is_disputed':
    case 'is_inquired':
      return 'succeeded';
  }
}

/** Attaches a payment method to a customer. As in Stripe, a card that declines cannot be attached. */
export function attachMethod(world: World, method: PaymentMethod, customer: Customer): void {
  if (behaviorOf(world, method) === 'declines') throw declined();
  method.customer = customer.id;
  emit(world, 'payment_method.attached', method);
}

export function detachMethod(world: World, method: PaymentMethod): void {
  change(world, 'payment_method.detached', method, () => {
    method.customer = null;
  });
}

/** Makes a payment method the default for a customer's invoices. */
export function chargeByDefault(world: World, customer: Customer, method: PaymentMethod): void {
  customer.invoice_settings.default_payment_method = method.id;
  world.tables.wallets.set(customer.id, {
    id: customer.id,
    object: 'sandbox.wallet',
    declines: outcomeOfMethod(world, method) === 'declined',
    card: true,
  });
}

/** Opens a dispute if the payment method is a test card whose charges are disputed immediately. */
export function disputeAtOnce(world: World, method: PaymentMethod, charge: Charge): void {
  const behavior = behaviorOf(world, method);
  if (behavior === 'is_disputed' || behavior === 'is_inquired') {
    openDispute(world, charge, { inquiry: behavior === 'is_inquired' });
  }
}

export function declined(): StripeFault {
  return new StripeFault(402, {
    type: 'card_error',
    code: 'card_declined',
    decline_code: 'generic_decline',
    message: 'Your card was declined.',
  });
}

function addMethod(
  world: World,
  type: 'card' | 'sepa_debit',
  behavior: MethodBehavior,
): PaymentMethod {
  const id = newId('pm');
  const method: PaymentMethod = {
    id,
    object: 'payment_method',
    billing_details: { address: null, email: null, name: null, phone: null, tax_id: null },
    created: world.clock.seconds(),
    customer: null,
    customer_account: null,
    livemode: false,
    metadata: {},
    type,
    ...(type === 'card' ? { card: visa() } : { sepa_debit: account() }),
  };
  const test: TestMethod = { id, object: 'sandbox.test_method', behavior };
  world.tables.paymentMethods.set(id, method);
  world.tables.testMethods.set(id, test);
  return method;
}

function visa(): NonNullable<PaymentMethod['card']> {
  return {
    brand: 'visa',
    checks: null,
    country: 'US',
    display_brand: 'visa',
    exp_month: 12,
    exp_year: 2099,
    fingerprint: 'sandbox',
    funding: 'credit',
    generated_from: null,
    last4: '4242',
    networks: { available: ['visa'], preferred: null },
    regulated_status: 'unregulated',
    three_d_secure_usage: { supported: true },
    wallet: null,
  };
}

function account(): NonNullable<PaymentMethod['sepa_debit']> {
  return {
    bank_code: null,
    branch_code: null,
    country: null,
    fingerprint: 'sandbox',
    generated_from: null,
    last4: '3201',
  };
}
