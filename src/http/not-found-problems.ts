import type { ProblemEntry } from './problem-entry.ts';

/** Returns the entry for an object that does not exist or that the caller may not see. */
function missing(noun: string, remedy: string): ProblemEntry {
  return {
    status: 404,
    title: `${noun} not found`,
    cause: `No object of this kind has the id, or the API key may not see it. The response is the same in both cases.`,
    remedy,
  };
}

/** The entry for an object with a prefixed id. */
interface MissingIdEntry extends ProblemEntry {
  readonly prefix: string;
  /** Where a caller finds such an id. */
  readonly source: string;
}

/**
 * Returns the entry for a missing object with a prefixed id.
 *
 * @param more sentences to add to the remedy after the source.
 */
function missingId(noun: string, prefix: string, source: string, more = ''): MissingIdEntry {
  const sentence = source
    .replace(/^[A-Z]+ \S+/, '`$&`')
    .replace(/^[a-z]/, (first) => first.toUpperCase());
  return { ...missing(noun, `${sentence}.${more === '' ? '' : ` ${more}`}`), prefix, source };
}

/** The problems for missing objects with prefixed ids, by code. */
export const missingIds = {
  key_not_found: missingId(
    'API key',
    'key_',
    'GET /api/v1/admin/projects/{id}/keys lists the keys',
  ),
  product_not_found: missingId(
    'Product',
    'prod_',
    'GET /api/v1/admin/products lists the products',
    "To add another product to the project, set its `metadata.project_id` in Stripe to the project's id first. The platform key may add any product that no other project has.",
  ),
  price_not_found: missingId(
    'Price',
    'price_',
    'GET /api/v1/catalog lists the prices for sale',
    'To change a price, add its product to the project first: `PUT /api/v1/admin/products/{stripe_product_id}`.',
  ),
  grant_not_found: missingId('Grant', 'gr_', 'GET /api/v1/admin/grants lists the grants'),
  revocation_not_found: missingId(
    'Revocation',
    'rv_',
    'GET /api/v1/admin/revocations lists the revocations',
  ),
  hold_not_found: missingId('Hold', 'uh_', 'POST /api/v1/usage/holds returns the id'),
  entry_not_found: missingId('Usage entry', 'ue_', 'GET /api/v1/usage/entries lists the entries'),
  webhook_endpoint_not_found: missingId(
    'Webhook endpoint',
    'we_',
    'GET /api/v1/admin/webhook-endpoints lists the endpoints',
  ),
  delivery_not_found: missingId(
    'Webhook delivery',
    'whd_',
    'GET /api/v1/admin/webhook-endpoints/{id}/deliveries lists the deliveries',
  ),
  refresh_not_found: missingId(
    'Refresh',
    'rf_',
    'the response to a change contains the id as `refresh.id`',
  ),
  session_not_found: missingId(
    'Checkout session',
    'cs_',
    'POST /api/v1/checkout/sessions returns the id',
    'Sessions opened without Latchkey are not shown.',
  ),
  subscription_not_found: missingId(
    'Subscription',
    'sub_',
    'GET /api/v1/subscriptions?user_id= lists the live subscriptions of a user',
  ),
  customer_not_found: missingId(
    'Stripe customer',
    'cus_',
    "look up the customer in the project's Stripe account",
    "The customer must be in the mode of the service's Stripe key. To link a customer with a project's key, set `metadata.project_id` of the customer first. A user gets a customer through the first checkout or a link.",
  ),
  event_not_found: missingId('Event', 'evt_', 'GET /api/v1/admin/events lists the events'),
  purchase_not_found: missingId(
    'Purchase',
    'li_',
    'GET /api/v1/admin/purchases lists the purchases',
  ),
  link_run_not_found: missingId(
    'Link run',
    'lr_',
    'POST /api/v1/admin/customers/link returns the id',
  ),
  reconciliation_not_found: missingId(
    'Reconciliation',
    'rc_',
    'GET /api/v1/admin/reconciliations lists the reconciliations',
  ),
};

/** The problems with status 404, by code. */
export const notFoundProblems = {
  not_found: {
    status: 404,
    title: 'Path not found',
    cause:
      'The URL is not a path of the API, or `/metrics` was requested while `METRICS_TOKEN` is not set.',
    remedy:
      'Correct the path. `detail` suggests the closest one, and `/openapi.json` lists all of them.',
  },
  project_not_found: missing(
    'Project',
    "With a project's key, leave `project_id` out. With the platform key, send an `id` that `GET /api/v1/admin/projects` lists.",
  ),
  feature_not_found: missing(
    'Feature',
    'Create the feature with `PUT /api/v1/admin/features/{feature_code}`, or send a code that `GET /api/v1/admin/features` lists. The same PUT makes an archived feature active again.',
  ),
  documents_disabled: {
    status: 404,
    title: 'Documents and user tokens are not enabled',
    cause: '`SIGNING_KEYS` is not set, so this service signs nothing.',
    remedy: 'Set `SIGNING_KEYS` (`npm run signing-key` prints one) and `PUBLIC_URL`.',
  },
  user_not_found: missing('User', 'A grant, link or checkout creates the user.'),
  ...missingIds,
} as const satisfies Record<string, ProblemEntry>;
