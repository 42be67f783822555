import { conflictProblems } from './conflict-problems.ts';
import { notFoundProblems } from './not-found-problems.ts';
import type { ProblemEntry } from './problem-entry.ts';

/** Every `code` that an error response may have. */
export const problems = {
  bad_request: {
    status: 400,
    title: 'The request is malformed',
    cause:
      'A field in the path, query, body or headers is missing, unknown or invalid, or the body is not valid JSON.',
    remedy: 'Correct the fields that `errors` lists. The same request would fail again.',
  },
  project_id_required: {
    status: 400,
    title: 'The platform key must name a project',
    cause: 'The platform key is valid for all projects, and the request has no `project_id`.',
    remedy:
      'Send `project_id`: in the query of GET and DELETE, in the body of POST, PUT and PATCH.',
  },
  signature_invalid: {
    status: 400,
    title: 'The webhook signature is missing, wrong or too old',
    cause:
      "`Stripe-Signature` is missing or malformed, matches none of the secrets in `STRIPE_WEBHOOK_SECRETS`, or has a timestamp more than five minutes away from the service's clock.",
    remedy:
      'Add the signing secret of the endpoint to `STRIPE_WEBHOOK_SECRETS`. Check the clock of the host, and that no proxy changes the body.',
  },
  payload_invalid: {
    status: 400,
    title: 'The webhook payload is not an event',
    cause: "The signature is correct, but the body is not the JSON of one of Stripe's events.",
    remedy:
      'Check the sender of the request. Events that Stripe sends to the endpoint do not cause this.',
  },
  thin_event_unsupported: {
    status: 400,
    title: 'Thin events are not supported; select snapshot events',
    cause: 'The event destination in Stripe sends thin events.',
    remedy: 'Create an endpoint for snapshot events with `npm run stripe:endpoint -- URL`.',
  },
  unauthorized: {
    status: 401,
    title: 'The API key is missing or not valid',
    cause:
      'The request has no `Authorization: Bearer KEY` header, or the key or user token in it is mistyped, deleted or expired.',
    remedy:
      'Send a valid key. `POST /api/v1/admin/projects/{id}/keys` creates one, and `POST /api/v1/user-tokens` a user token.',
  },
  payment_failed: {
    status: 402,
    title: 'The payment failed, and nothing was changed',
    cause:
      'The card was declined, or the bank requires authentication, which a change with a promotion code cannot wait for.',
    remedy:
      'Have the customer update the payment method in the billing portal (`POST /api/v1/portal/sessions`), then retry; or change the subscription without the promotion code.',
  },
  scope_missing: {
    status: 403,
    title: 'The API key lacks the required scope',
    cause:
      'The key is valid but may not call this route, or a user token requests more than the entitlements of its own user.',
    remedy:
      'Send a key with the scope that `detail` names. Some routes take only the platform key (`ADMIN_API_KEY`).',
  },
  ...notFoundProblems,
  method_not_allowed: {
    status: 405,
    title: 'The path does not accept this method',
    cause: 'The path exists, but not with this method.',
    remedy: 'Use one of the methods in the `Allow` header.',
  },
  ...conflictProblems,
  cursor_expired: {
    status: 410,
    title: 'The cursor is older than the changes that are kept',
    cause:
      'Changes after the cursor have been deleted because they were older than `CHANGE_RETENTION_DAYS`, or the database was restored.',
    remedy:
      'Discard cached entitlements, call `GET /api/v1/changes` without `after`, and continue from its `next_cursor`.',
  },
  payload_too_large: {
    status: 413,
    title: 'The body is too large',
    cause: 'The body has more bytes than the route accepts. `detail` gives the limit.',
    remedy: 'Split the request into smaller ones.',
  },
  unsupported_media_type: {
    status: 415,
    title: 'The body must be JSON',
    cause: 'The `Content-Type` header is missing or names another type.',
    remedy: 'Send the header `Content-Type: application/json`.',
  },
  customer_deleted: {
    status: 422,
    title: 'The customer was deleted in Stripe',
    cause: 'A deleted customer can neither buy nor be linked.',
    remedy: 'Send a customer that still exists.',
  },
  price_inactive: {
    status: 422,
    title: 'The price is not for sale',
    cause: 'The price or its product is archived in Stripe.',
    remedy: 'Send a price that `GET /api/v1/catalog` lists, or unarchive it in Stripe.',
  },
  redirect_not_allowed: {
    status: 422,
    title: "The URL is not on one of the project's redirect origins",
    cause: "The URL's origin is not in the project's `redirect_origins`.",
    remedy: 'Add the origin with `PATCH /api/v1/admin/projects/{id}`, or send another URL.',
  },
  window_invalid: {
    status: 422,
    title: 'The window is empty, reversed or too long',
    cause:
      'The end is not after the start, an expiry is in the past, or a report covers too many days.',
    remedy: 'Correct the instants that `errors` lists.',
  },
  period_not_allowed: {
    status: 422,
    title: 'Only a price has a billing period',
    cause: 'A grant or a one-time price has an allowance with `every: "period"`.',
    remedy: 'Send `day`, `week`, `month` or `year`, or leave `every` out to give the amount once.',
  },
  feature_not_metered: {
    status: 422,
    title: 'The feature is not metered',
    cause: 'Only a feature of the type `metered` has usage. The feature has another type.',
    remedy: 'Check the `feature_code`, or use `GET /api/v1/entitlements/check` for other features.',
  },
  url_not_allowed: {
    status: 422,
    title: 'Webhooks may not be sent to this URL',
    cause:
      'The URL is not `https`, contains a password, or names an internal address, which would let a key reach the network behind the service.',
    remedy:
      'Send a public `https` URL, or have the operator of the service add the network to `WEBHOOK_ALLOWED_NETWORKS`.',
  },
  too_many_webhook_endpoints: {
    status: 422,
    title: 'The project has as many webhook endpoints as allowed',
    cause: 'The project has 50 webhook endpoints.',
    remedy: 'Delete one with `DELETE /api/v1/admin/webhook-endpoints/{id}`.',
  },
  too_many_grants: {
    status: 422,
    title: 'The user has as many grants as allowed',
    cause: 'The user has 1,000 grants that have not ended.',
    remedy:
      'End some with `POST /api/v1/admin/revoke`, or replace several with one that has a larger value.',
  },
  too_many_requests: {
    status: 429,
    title: 'Too many requests',
    cause:
      "The API key or the user of a user token exceeds its rate limit, the project has too many requests running, or the client's address sent too many invalid keys or signatures.",
    remedy: 'Wait for `Retry-After` seconds, then retry. Send fewer requests concurrently.',
  },
  internal_error: {
    status: 500,
    title: 'Something went wrong on our side',
    cause: 'The service has a bug, or the database rejected a statement.',
    remedy:
      'Retry with the same `Idempotency-Key`. If the error persists, find the cause in the log by `request_id`.',
  },
  stripe_unavailable: {
    status: 502,
    title: 'Stripe cannot be reached or rejected the request',
    cause:
      'A network problem, a rate limit, an outage, a wrong `STRIPE_SECRET_KEY`, or a setting that Stripe rejects, such as a mistyped `portal_configuration_id`.',
    remedy:
      "If `detail` names a Stripe request, Stripe's dashboard (Developers, Logs) shows why it was rejected. Otherwise retry with the same `Idempotency-Key`. If the error persists, `npm run doctor` checks the Stripe key.",
  },
  not_ready: {
    status: 503,
    title: 'The service is not ready',
    cause: 'Postgres cannot be reached, or the process is starting or stopping.',
    remedy: 'Wait for `Retry-After` seconds, then retry. `GET /ready` shows which part fails.',
  },
  overloaded: {
    status: 503,
    title: 'The service is overloaded',
    cause: 'The event-loop delay is too high, or a query took too long.',
    remedy: 'Wait for `Retry-After` seconds, then retry, or send a smaller request.',
  },
} as const satisfies Record<string, ProblemEntry>;

export type ProblemCode = keyof typeof problems;
