import { z } from 'zod';
import type { PricedQuantity } from '../billing/new-subscription.ts';
import { addPrice } from '../catalog/price.ts';
import { addProduct } from '../catalog/product.ts';
import { expireSession } from '../checkout/session-end.ts';
import { startSession } from '../checkout/session-start.ts';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { matches, page, paging, pagingOnly } from '../http/list.ts';
import {
  flag,
  inert,
  integer,
  listOf,
  mergedMetadata,
  metadata,
  range,
  text,
  webAddress,
} from '../http/params.ts';
import { render, sessionLines } from '../state/render.ts';
import type { Price } from '../state/tables.ts';
import { need, type World } from '../state/world.ts';
import { invalid } from '../stripe-error.ts';
import { priceFields } from './prices.ts';
import { none, reads, subset } from './reads.ts';

const path = '/v1/checkout/sessions';

const lineItem = z.strictObject({
  price: text.optional(),
  price_data: z
    .strictObject({
      ...priceFields,
      product: text.optional(),
      product_data: z
        .strictObject({ name: text, description: text.optional(), metadata: metadata.optional() })
        .optional(),
    })
    .optional(),
  quantity: integer.optional(),
  adjustable_quantity: inert,
  metadata: inert,
  tax_rates: inert,
});

type LineItem = z.output<typeof lineItem>;

const creation = z.strictObject({
  mode: z.enum(['payment', 'setup', 'subscription']).default('payment'),
  ui_mode: z.enum(['hosted_page', 'embedded_page', 'form', 'elements']).default('hosted_page'),
  line_items: listOf(lineItem).optional(),
  currency: text.optional(),
  customer: text.optional(),
  customer_email: text.optional(),
  customer_creation: z.enum(['always', 'if_required']).optional(),
  client_reference_id: text.max(200).optional(),
  metadata: metadata.optional(),
  success_url: webAddress.optional(),
  cancel_url: webAddress.optional(),
  return_url: webAddress.optional(),
  expires_at: integer.optional(),
  allow_promotion_codes: flag.optional(),
  discounts: listOf(z.strictObject({ coupon: text })).optional(),
  payment_method_collection: z.enum(['always', 'if_required']).optional(),
  invoice_creation: z.strictObject({ enabled: flag, invoice_data: inert }).optional(),
  payment_intent_data: z
    .strictObject({
      metadata: metadata.optional(),
      description: inert,
      receipt_email: inert,
      setup_future_usage: inert,
      shipping: inert,
      statement_descriptor: inert,
      statement_descriptor_suffix: inert,
    })
    .optional(),
  subscription_data: z
    .strictObject({
      metadata: metadata.optional(),
      trial_period_days: integer.optional(),
      trial_end: integer.optional(),
      trial_settings: z
        .strictObject({
          end_behavior: z.strictObject({
            missing_payment_method: z.enum(['cancel', 'create_invoice', 'pause']),
          }),
        })
        .optional(),
      billing_mode: inert,
      description: inert,
      invoice_settings: inert,
      proration_behavior: inert,
    })
    .optional(),
  allowed_payment_method_types: inert,
  automatic_tax: inert,
  billing_address_collection: inert,
  branding_settings: inert,
  consent_collection: inert,
  custom_fields: inert,
  custom_text: inert,
  customer_update: inert,
  integration_identifier: inert,
  locale: inert,
  name_collection: inert,
  origin_context: inert,
  payment_method_options: inert,
  payment_method_types: inert,
  phone_number_collection: inert,
  redirect_on_completion: inert,
  saved_payment_method_options: inert,
  setup_intent_data: inert,
  shipping_address_collection: inert,
  submit_type: inert,
  tax_id_collection: inert,
});

type Creation = z.output<typeof creation>;

export const checkoutSessions: Endpoint[] = [
  endpoint('POST', path, creation, (world, params) => {
    checkAddresses(params);
    if (params.customer !== undefined) {
      need(world.tables.customers, 'customer', params.customer, 'customer', 400);
    }
    const session = startSession(world, {
      mode: params.mode,
      uiMode: params.ui_mode,
      lines: (params.line_items ?? []).map((line, index) => pricedLine(world, line, index)),
      currency: params.currency ?? null,
      customer: params.customer ?? null,
      customerEmail: params.customer_email ?? null,
      customerCreation: params.customer_creation ?? 'if_required',
      clientReferenceId: params.client_reference_id ?? null,
      metadata: mergedMetadata({}, params.metadata),
      successUrl: params.success_url ?? null,
      cancelUrl: params.cancel_url ?? null,
      returnUrl: params.return_url ?? null,
      expiresAt: expiryOf(world, params.expires_at),
      allowPromotionCodes: params.allow_promotion_codes ?? null,
      paymentMethodCollection: params.payment_method_collection ?? 'always',
      invoiceCreation: params.invoice_creation?.enabled ?? false,
      coupon: couponOf(world, params),
      plan: {
        paymentIntentMetadata: mergedMetadata({}, params.payment_intent_data?.metadata),
        subscriptionMetadata: mergedMetadata({}, params.subscription_data?.metadata),
        trialPeriodDays: params.subscription_data?.trial_period_days ?? null,
        trialEnd: params.subscription_data?.trial_end ?? null,
        missingPaymentMethod:
          params.subscription_data?.trial_settings?.end_behavior.missing_payment_method ??
          'create_invoice',
      },
    });
    return render(world.tables, session);
  }),
  ...reads({
    path,
    kind: 'checkout.session',
    table: (tables) => tables.sessions,
    filters: z.strictObject({
      ...paging,
      created: range.optional(),
      customer: text.optional(),
      customer_details: z.strictObject({ email: text }).optional(),
      payment_intent: text.optional(),
      subscription: text.optional(),
      status: z.enum(['open', 'complete', 'expired']).optional(),
    }),
    matches: (session, filters) =>
      matches(filters.customer, session.customer) &&
      matches(filters.customer_details?.email, session.customer_details?.email) &&
      matches(filters.payment_intent, session.payment_intent) &&
      matches(filters.subscription, session.subscription) &&
      matches<string>(filters.status, session.status),
    among: ({ sessions }, filters) =>
      subset(
        [filters.payment_intent, (id) => sessions.where('intent', id)],
        [filters.subscription, (id) => sessions.where('subscription', id)],
        [filters.customer, (id) => sessions.where('customer', id)],
      ),
  }),
  endpoint('GET', `${path}/:id/line_items`, pagingOnly, (world, params, { id }) => {
    need(world.tables.sessions, 'checkout.session', id);
    return page(sessionLines(world.tables, id), params, `${path}/${id}/line_items`, (line) =>
      render(world.tables, line),
    );
  }),
  endpoint('POST', `${path}/:id/expire`, none, (world, _params, { id }) => {
    const session = need(world.tables.sessions, 'checkout.session', id);
    expireSession(world, session);
    return render(world.tables, session);
  }),
];

function checkAddresses(params: Creation): void {
  if (params.ui_mode === 'hosted_page' && params.success_url === undefined) {
    throw invalid('Missing required param: success_url.', 'parameter_missing', 'success_url');
  }
  if (params.customer !== undefined && params.customer_email !== undefined) {
    throw invalid(
      'You may only specify one of these parameters: customer, customer_email.',
      undefined,
      'customer',
    );
  }
  if (params.mode === 'payment' ? params.subscription_data : params.payment_intent_data) {
    const param = params.mode === 'payment' ? 'subscription_data' : 'payment_intent_data';
    throw invalid(`You can not pass \`${param}\` in \`${params.mode}\` mode.`, undefined, param);
  }
}

const minOpenSeconds = 30 * 60;
const maxOpenSeconds = 24 * 3600;

function expiryOf(world: World, expiresAt: number | undefined): number | null {
  const now = world.clock.seconds();
  if (
    expiresAt !== undefined &&
    (expiresAt < now + minOpenSeconds || expiresAt > now + maxOpenSeconds)
  ) {
    throw invalid(
      'The `expires_at` timestamp must be between 30 minutes and 24 hours after Checkout Session creation.',
      undefined,
      'expires_at',
    );
  }
  return expiresAt ?? null;
}

function couponOf(world: World, params: Creation) {
  const [discount] = params.discounts ?? [];
  if (discount !== undefined && params.allow_promotion_codes !== undefined) {
    throw invalid(
      'You may only specify one of these parameters: allow_promotion_codes, discounts.',
      undefined,
      'discounts',
    );
  }
  return discount === undefined
    ? undefined
    : need(world.tables.coupons, 'coupon', discount.coupon, 'discounts[0][coupon]', 400);
}

function pricedLine(world: World, line: LineItem, index: number): PricedQuantity {
  const param = `line_items[${index}]`;
  const price =
    line.price_data === undefined
      ? need(world.tables.prices, 'price', line.price ?? '', `${param}[price]`, 400)
      : inlinePrice(world, line.price_data, param);
  const metered = price.recurring?.usage_type === 'metered';
  if (!metered && line.quantity === undefined) {
    throw invalid(
      `Missing required param: ${param}[quantity].`,
      'parameter_missing',
      `${param}[quantity]`,
    );
  }
  return { price, quantity: metered ? null : (line.quantity ?? 1) };
}

function inlinePrice(
  world: World,
  data: NonNullable<LineItem['price_data']>,
  param: string,
): Price {
  const product =
    data.product_data === undefined
      ? need(world.tables.products, 'product', data.product ?? '', `${param}[price_data]`, 400)
      : addProduct(world, {
          name: data.product_data.name,
          description: data.product_data.description ?? null,
          metadata: mergedMetadata({}, data.product_data.metadata),
        });
  return addPrice(world, product, data);
}
