import { discountOn } from '../billing/discount.ts';
import { amountOf } from '../billing/invoice-draft.ts';
import type { PricedQuantity } from '../billing/new-subscription.ts';
import { newId } from '../state/ids.ts';
import type { CheckoutSession, Coupon, SessionPlan } from '../state/tables.ts';
import type { World } from '../state/world.ts';
import { invalid } from '../stripe-error.ts';

export interface SessionRequest {
  mode: 'payment' | 'setup' | 'subscription';
  uiMode: 'hosted_page' | 'embedded_page' | 'form' | 'elements';
  lines: readonly PricedQuantity[];
  currency: string | null;
  customer: string | null;
  customerEmail: string | null;
  customerCreation: 'always' | 'if_required';
  clientReferenceId: string | null;
  metadata: Record<string, string>;
  successUrl: string | null;
  cancelUrl: string | null;
  returnUrl: string | null;
  expiresAt: number | null;
  allowPromotionCodes: boolean | null;
  paymentMethodCollection: 'always' | 'if_required';
  invoiceCreation: boolean;
  coupon: Coupon | undefined;
  plan: Omit<SessionPlan, 'id' | 'object' | 'coupon'>;
}

const openSeconds = 24 * 3600;

/** Starts a Checkout Session. The sandbox serves its page at the session's `url`. */
export function startSession(world: World, request: SessionRequest): CheckoutSession {
  const currency = currencyOf(request);
  const session = newSession(world, request, currency);
  world.tables.sessions.set(session.id, session);
  world.tables.sessionPlans.set(session.id, {
    id: session.id,
    object: 'sandbox.session_plan',
    ...request.plan,
    coupon: request.coupon?.id ?? null,
  });
  addLines(world, session, request, currency);
  return session;
}

function currencyOf({ mode, lines, currency }: SessionRequest): string {
  const currencies = new Set(
    lines.map(({ price }) =>
      currency !== null && price.currency_options?.[currency] !== undefined
        ? currency
        : price.currency,
    ),
  );
  const recurring = lines.filter(({ price }) => price.recurring !== null);
  const inactive = lines.find(({ price }) => !price.active);
  if (currencies.size > 1) {
    throw invalid('All prices on a Checkout Session must have the same currency.');
  }
  if (inactive !== undefined) {
    throw invalid(
      `The price specified is inactive. This field only accepts active prices.`,
      'price_inactive',
      'line_items[0][price]',
    );
  }
  if (mode === 'payment' && recurring.length > 0) {
    throw invalid(
      'You specified `payment` mode but passed a recurring price. Either switch to `subscription` mode or use only one-time prices.',
    );
  }
  if (mode === 'subscription' && recurring.length === 0) {
    throw invalid(
      'You must provide at least one recurring price in `subscription` mode when using prices.',
    );
  }
  if (mode !== 'setup' && lines.length === 0) {
    throw invalid('Missing required param: line_items.', 'parameter_missing', 'line_items');
  }
  return [...currencies][0] ?? currency ?? 'usd';
}

function addLines(
  world: World,
  session: CheckoutSession,
  request: SessionRequest,
  currency: string,
): void {
  const trial = request.plan.trialEnd !== null || request.plan.trialPeriodDays !== null;
  const subtotals = request.lines.map(({ price, quantity }) =>
    trial && price.recurring !== null ? 0 : amountOf(price, quantity, currency),
  );
  const subtotal = subtotals.reduce((sum, amount) => sum + amount, 0);
  const discount = discountOn(subtotal, request.coupon);
  let undistributed = discount;
  request.lines.forEach(({ price, quantity }, index) => {
    const amount = subtotals[index] ?? 0;
    const share =
      index === request.lines.length - 1
        ? undistributed
        : Math.min(undistributed, subtotal === 0 ? 0 : Math.floor((discount * amount) / subtotal));
    undistributed -= share;
    const id = newId('li');
    world.tables.sessionLines.set(id, {
      id,
      object: 'item',
      adjustable_quantity: null,
      amount_discount: share,
      amount_subtotal: amount,
      amount_tax: 0,
      amount_total: amount - share,
      currency,
      description: world.tables.products.get(price.product)?.name ?? null,
      metadata: {},
      price: price.id,
      quantity,
      session: session.id,
    });
  });
  if (request.mode !== 'setup') {
    session.amount_subtotal = subtotal;
    session.amount_total = subtotal - discount;
    session.total_details = { amount_discount: discount, amount_shipping: 0, amount_tax: 0 };
  }
}

function newSession(world: World, request: SessionRequest, currency: string): CheckoutSession {
  const now = world.clock.seconds();
  const id = newId('cs_test', 58);
  const hosted = request.uiMode === 'hosted_page';
  return {
    id,
    object: 'checkout.session',
    adaptive_pricing: null,
    after_expiration: null,
    allow_promotion_codes: request.allowPromotionCodes,
    allowed_payment_method_types: null,
    amount_subtotal: null,
    amount_total: null,
    automatic_tax: { enabled: false, liability: null, provider: null, status: null },
    billing_address_collection: null,
    cancel_url: request.cancelUrl,
    client_reference_id: request.clientReferenceId,
    client_secret: hosted ? null : `${id}_secret_sandbox`,
    collected_information: null,
    consent: null,
    consent_collection: null,
    created: now,
    currency,
    currency_conversion: null,
    custom_fields: [],
    custom_text: {
      after_submit: null,
      shipping_address: null,
      submit: null,
      terms_of_service_acceptance: null,
    },
    customer: request.customer,
    customer_account: null,
    // Invoices require a customer.
    customer_creation:
      request.mode === 'payment' && !request.invoiceCreation ? request.customerCreation : 'always',
    customer_details: null,
    customer_email: request.customerEmail,
    discounts:
      request.coupon === undefined ? [] : [{ coupon: request.coupon.id, promotion_code: null }],
    expires_at: request.expiresAt ?? now + openSeconds,
    integration_identifier: null,
    invoice: null,
    invoice_creation: {
      enabled: request.invoiceCreation,
      invoice_data: {
        account_tax_ids: null,
        custom_fields: null,
        description: null,
        footer: null,
        issuer: null,
        metadata: {},
        rendering_options: null,
      },
    },
    livemode: false,
    locale: null,
    managed_payments: null,
    metadata: request.metadata,
    mode: request.mode,
    origin_context: null,
    payment_intent: null,
    payment_link: null,
    payment_method_collection: request.paymentMethodCollection,
    payment_method_configuration_details: null,
    payment_method_options: null,
    payment_method_types: ['card'],
    payment_status: 'unpaid',
    permissions: null,
    recovered_from: null,
    ...(request.returnUrl === null ? {} : { return_url: request.returnUrl }),
    saved_payment_method_options: null,
    setup_intent: null,
    shipping_address_collection: null,
    shipping_cost: null,
    shipping_options: [],
    status: 'open',
    submit_type: null,
    subscription: null,
    success_url: request.successUrl,
    total_details: null,
    ui_mode: request.uiMode,
    url: hosted ? `${world.baseUrl}/c/pay/${id}` : null,
    wallet_options: null,
  };
}
