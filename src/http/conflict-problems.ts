import type { ProblemEntry } from './problem-entry.ts';

/** The problems with status 409, by code. */
export const conflictProblems = {
  project_exists: {
    status: 409,
    title: 'A project with this id exists',
    cause: 'Another project already has the id.',
    remedy: 'Choose another id, or change the existing project with `PATCH`.',
  },
  feature_in_use: {
    status: 409,
    title: 'The type of a feature in use cannot change',
    cause: 'The feature is mapped, granted or revoked, and its values have the old type.',
    remedy: 'Create a feature with another `feature_code` for the new type.',
  },
  feature_revoked: {
    status: 409,
    title: 'Every feature of the price is revoked for this user',
    cause: 'An operator blocked every feature of the price, so the user would pay for nothing.',
    remedy: 'Lift the revocation first: `DELETE /api/v1/admin/revocations/{id}`.',
  },
  already_subscribed: {
    status: 409,
    title: 'The user has a live subscription to this product or group',
    cause:
      'A second subscription would charge the user twice for the same product, or for two plans of one group. `subscription_id` names the live one.',
    remedy:
      'Change the live subscription (`POST /api/v1/subscriptions/{id}/change`, or the billing portal). A product without a group may be sold several times: set `allow_multiple`.',
  },
  preview_expired: {
    status: 409,
    title: 'The preview has expired',
    cause:
      'The `preview_token` is older than ten minutes, or the subscription has changed since the preview.',
    remedy: 'Preview the change again, and show the new price: `POST …/preview`.',
  },
  preview_mismatch: {
    status: 409,
    title: 'The preview belongs to another request',
    cause: 'The `preview_token` was issued for other fields, or for another subscription or user.',
    remedy: 'Send exactly the fields that were previewed, or preview the change again.',
  },
  revision_not_reached: {
    status: 409,
    title: 'The revision has not been reached',
    cause: "`min_revision` is above the user's revision in Postgres.",
    remedy:
      'Retry in a moment. If the error persists, the revision belongs to another user or database.',
  },
  customer_linked: {
    status: 409,
    title: 'The Stripe customer belongs to another user',
    cause: 'A customer belongs to at most one user, and this one already belongs to another.',
    remedy:
      'Unlink the customer with `DELETE /api/v1/admin/users/{user_id}/customers/{id}` or change the metadata in Stripe, as `detail` says.',
  },
  customer_named: {
    status: 409,
    title: "The Stripe customer's own metadata names the user",
    cause: "The customer's metadata in Stripe would link the customer again immediately.",
    remedy: 'Change or remove `user_id` in the metadata in Stripe, then unlink the customer.',
  },
  purchase_claimed: {
    status: 409,
    title: 'The purchase belongs to another user',
    cause: 'Only a purchase without a user can be assigned, and only once.',
    remedy: 'Grant the feature instead: `POST /api/v1/admin/grant`.',
  },
  reconciliation_not_held: {
    status: 409,
    title: 'The reconciliation is not held',
    cause: 'Only a reconciliation with the status `held` can be forced.',
    remedy: 'Check the `status` and the findings of the reconciliation.',
  },
  event_ignored: {
    status: 409,
    title: 'The event was ignored, so it cannot be replayed',
    cause:
      'The event has an unknown type, comes from another mode or account, or names no object to fetch.',
    remedy: "No action is needed. The event's `outcome` shows why it was ignored.",
  },
  endpoint_disabled: {
    status: 409,
    title: 'The webhook endpoint is disabled',
    cause: 'A disabled endpoint gets no messages, so a retry or replay would send nothing.',
    remedy:
      'Enable it first: `PATCH /api/v1/admin/webhook-endpoints/{id}` with `{"status": "enabled"}`.',
  },
  hold_expired: {
    status: 409,
    title: 'The hold has expired',
    cause: 'A hold keeps its units until `expires_at`. After that they count as unused.',
    remedy:
      'Consume what was really used: `POST /api/v1/usage/consume`. Send a larger `expires_in_seconds` for longer work.',
  },
  entry_not_reversible: {
    status: 409,
    title: 'The entry used nothing that could be given back',
    cause: 'The entry is a hold or a reversal.',
    remedy:
      'Release a hold with `DELETE /api/v1/usage/holds/{id}`. Reverse only entries of the kinds `consume` and `settle`.',
  },
  idempotency_key_reused: {
    status: 409,
    title: 'The idempotency key was used with another request',
    cause:
      'An earlier request with the same `Idempotency-Key` had a different path, query or body.',
    remedy: 'Send a new key for a new request, and the same body when you retry.',
  },
  idempotency_in_progress: {
    status: 409,
    title: 'The first request with this idempotency key is still running',
    cause: 'Two requests with the same `Idempotency-Key` overlap.',
    remedy: 'Retry later. If the first request was interrupted, the key is free after 60 seconds.',
  },
} as const satisfies Record<string, ProblemEntry>;
