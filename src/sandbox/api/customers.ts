import { z } from 'zod';
import { activeEntitlement, activeFeatures } from '../billing/entitlements.ts';
import { addCustomer, deleteCustomer } from '../billing/customer.ts';
import { attachMethod, chargeByDefault, methodOf, methodOfToken } from '../billing/test-methods.ts';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { matches, page, paging } from '../http/list.ts';
import { clearable, inert, mergedMetadata, metadata, range, text } from '../http/params.ts';
import { change } from '../state/events.ts';
import { render } from '../state/render.ts';
import { need } from '../state/world.ts';
import { toJson } from '../wire.ts';
import { listing, none } from './reads.ts';

const path = '/v1/customers';

const fields = z.strictObject({
  email: clearable(text).optional(),
  name: clearable(text).optional(),
  phone: clearable(text).optional(),
  description: clearable(text).optional(),
  metadata: metadata.optional(),
  invoice_settings: z.strictObject({ default_payment_method: text.optional() }).optional(),
  address: inert,
  preferred_locales: inert,
  shipping: inert,
  tax_exempt: inert,
});

const creation = fields.extend({
  payment_method: text.optional(),
  source: text.optional(),
  test_clock: text.optional(),
});

export const customers: Endpoint[] = [
  endpoint('POST', path, creation, (world, params) => {
    const source = params.source === undefined ? undefined : methodOfToken(world, params.source);
    const method =
      source ??
      (params.payment_method === undefined ? undefined : methodOf(world, params.payment_method));
    const customer = addCustomer(world, {
      email: params.email ?? null,
      name: params.name ?? null,
      phone: params.phone ?? null,
      description: params.description ?? null,
      metadata: mergedMetadata({}, params.metadata),
      test_clock: params.test_clock ?? null,
    });
    if (method !== undefined) attachMethod(world, method, customer);
    const settings = params.invoice_settings?.default_payment_method;
    if (source !== undefined) chargeByDefault(world, customer, source);
    else if (settings !== undefined) {
      // A test card's name, such as `pm_card_visa`, refers to the card that was just attached.
      const named = settings === params.payment_method ? method : undefined;
      chargeByDefault(world, customer, named ?? methodOf(world, settings));
    }
    return render(world.tables, customer);
  }),
  endpoint('GET', `${path}/:id`, none, (world, _params, { id }) => {
    const gone = world.tables.deleted.get(id);
    return gone === undefined
      ? render(world.tables, need(world.tables.customers, 'customer', id))
      : toJson(gone);
  }),
  listing({
    path,
    table: (tables) => tables.customers,
    filters: z.strictObject({
      ...paging,
      email: text.optional(),
      created: range.optional(),
      test_clock: text.optional(),
    }),
    // Without `test_clock`, the list omits customers that have one, as Stripe documents.
    matches: (customer, { email, test_clock: clock = null }) =>
      matches(email, customer.email) && (customer.test_clock ?? null) === clock,
  }),
  endpoint('POST', `${path}/:id`, fields, (world, params, { id }) => {
    const customer = need(world.tables.customers, 'customer', id);
    change(world, 'customer.updated', customer, () => {
      customer.email = params.email === undefined ? customer.email : params.email;
      customer.description =
        params.description === undefined ? customer.description : params.description;
      customer.name = params.name ?? (params.name === null ? null : (customer.name ?? null));
      customer.phone = params.phone ?? (params.phone === null ? null : (customer.phone ?? null));
      customer.metadata = mergedMetadata(customer.metadata, params.metadata);
      const method = params.invoice_settings?.default_payment_method;
      if (method !== undefined) chargeByDefault(world, customer, methodOf(world, method));
    });
    return render(world.tables, customer);
  }),
  endpoint('DELETE', `${path}/:id`, none, (world, _params, { id }) => {
    deleteCustomer(world, need(world.tables.customers, 'customer', id));
    return toJson(need(world.tables.deleted, 'customer', id));
  }),
];

/** The route that lists a customer's active entitlements, which Stripe derives from product features. */
export const activeEntitlements: Endpoint[] = [
  endpoint(
    'GET',
    '/v1/entitlements/active_entitlements',
    z.strictObject({ ...paging, customer: text }),
    (world, params) => {
      need(world.tables.customers, 'customer', params.customer, 'customer', 400);
      return page(
        activeFeatures(world, params.customer).map((feature) =>
          activeEntitlement(world, params.customer, feature),
        ),
        params,
        '/v1/entitlements/active_entitlements',
        (entitlement) => ({ ...entitlement }),
      );
    },
  ),
];
