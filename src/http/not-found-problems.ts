import type { ProblemEntry } from './problem-entry.ts';

/** Returns the entry for an id of no object that the caller may see, whether or not it exists elsewhere. */
function missing(noun: string, remedy: string): ProblemEntry {
  return {
    status: 404,
    title: `${noun} not found`,
    cause: `No object of this kind has the id, or the API key may not see it. Both cases look the same.`,
    remedy,
  };
}

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
  key_not_found: missing('API key', '`GET /api/v1/admin/projects/{id}/keys` lists the keys.'),
  feature_not_found: missing(
    'Feature',
    'Create the feature with `PUT /api/v1/admin/features/{feature_code}`, or send a code that `GET /api/v1/admin/features` lists. The same PUT makes an archived feature active again.',
  ),
  product_not_found: missing(
    'Product',
    "Set `metadata.project_id` of the product to the project's id at Stripe, then send the request again. The platform key may take any product that no other project has.",
  ),
  price_not_found: missing(
    'Price',
    'In a checkout, send a price that `GET /api/v1/catalog` lists. In the catalog, take its product first: `PUT /api/v1/admin/products/{stripe_product_id}`.',
  ),
  grant_not_found: missing('Grant', '`GET /api/v1/admin/grants` lists the grants.'),
  revocation_not_found: missing(
    'Revocation',
    '`GET /api/v1/admin/revocations` lists the revocations.',
  ),
  refresh_not_found: missing('Refresh', 'Send the `id` in `refresh` of the answer to the change.'),
  session_not_found: missing(
    'Checkout session',
    'Send the `id` that `POST /api/v1/checkout/sessions` returned. Sessions opened without Latchkey are not shown.',
  ),
  customer_not_found: missing(
    'Stripe customer',
    "Copy the id from Stripe's dashboard, in the mode of the service's Stripe key. To link a customer with a project's key, set `metadata.project_id` of the customer first. A user gets a customer by the first checkout or a link.",
  ),
  user_not_found: missing('User', 'A grant, link or checkout creates the user.'),
  event_not_found: missing('Event', '`GET /api/v1/admin/events` lists the events.'),
  purchase_not_found: missing('Purchase', '`GET /api/v1/admin/purchases` lists the purchases.'),
  link_run_not_found: missing(
    'Link run',
    'Send the `id` that `POST /api/v1/admin/customers/link` returned.',
  ),
  reconciliation_not_found: missing(
    'Reconciliation',
    '`GET /api/v1/admin/reconciliations` lists the reconciliations.',
  ),
} as const satisfies Record<string, ProblemEntry>;
