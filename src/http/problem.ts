import { faultSentences, type FieldFault } from './faults.ts';

/** Every `code` that an answer may carry: its status, and a title that says what it means. */
export const problems = {
  bad_request: [400, 'The request is malformed'],
  project_id_required: [400, 'The platform key must name a project'],
  signature_invalid: [400, 'The webhook signature is missing, wrong or too old'],
  payload_invalid: [400, 'The webhook payload is not an event'],
  thin_event_unsupported: [400, 'Thin events are not supported; select snapshot events'],
  unauthorized: [401, 'The API key is missing or not valid'],
  scope_missing: [403, 'The API key lacks the scope for this'],
  not_found: [404, 'There is nothing here'],
  project_not_found: [404, 'There is no such project'],
  key_not_found: [404, 'There is no such API key'],
  feature_not_found: [404, 'There is no such feature'],
  product_not_found: [404, 'There is no such product'],
  price_not_found: [404, 'There is no such price in the catalog'],
  grant_not_found: [404, 'There is no such grant'],
  revocation_not_found: [404, 'There is no such revocation'],
  refresh_not_found: [404, 'There is no such refresh'],
  session_not_found: [404, 'There is no such checkout session'],
  customer_not_found: [404, 'There is no such Stripe customer'],
  user_not_found: [404, 'There is no such user'],
  event_not_found: [404, 'There is no such event'],
  purchase_not_found: [404, 'There is no such purchase'],
  link_run_not_found: [404, 'There is no such run of links'],
  reconciliation_not_found: [404, 'There is no such reconciliation'],
  method_not_allowed: [405, 'The path does not take this method'],
  project_exists: [409, 'A project with this id exists'],
  feature_in_use: [409, 'The type of a feature in use cannot change'],
  feature_revoked: [409, 'Every feature of the price is revoked for this user'],
  already_subscribed: [409, 'The user has a live subscription to this product'],
  revision_not_reached: [409, 'The revision has not been reached'],
  customer_linked: [409, 'The Stripe customer is the one of another user'],
  customer_named: [409, "The Stripe customer's own metadata name the user"],
  purchase_claimed: [409, "The purchase is another user's"],
  reconciliation_not_held: [409, 'The reconciliation holds nothing back'],
  event_ignored: [409, 'The event was ignored, so there is nothing to replay'],
  idempotency_key_reused: [409, 'The idempotency key was used with another request'],
  idempotency_in_progress: [409, 'The first request with this idempotency key is still running'],
  payload_too_large: [413, 'The body is too large'],
  unsupported_media_type: [415, 'The body must be JSON'],
  customer_deleted: [422, 'The customer was deleted at Stripe'],
  price_inactive: [422, 'The price is not for sale'],
  redirect_not_allowed: [422, 'The redirect is not among the allowed origins of the project'],
  window_invalid: [422, 'The window is empty or reversed'],
  too_many_grants: [422, 'The user has as many grants as are possible'],
  too_many_requests: [429, 'Too many requests'],
  internal_error: [500, 'Something went wrong on our side'],
  stripe_unavailable: [502, 'Stripe cannot be reached or refused'],
  not_ready: [503, 'The service is not ready'],
  overloaded: [503, 'The service has too much to do'],
} as const satisfies Record<string, readonly [number, string]>;

export type ProblemCode = keyof typeof problems;

/** The body of every error answer (RFC 9457). */
export interface Problem {
  type: string;
  title: string;
  status: number;
  code: ProblemCode;
  detail: string;
  request_id: string;
  errors?: FieldFault[];
}

/** Thrown anywhere in a request to answer with a problem. */
export class ProblemError extends Error {
  readonly code: ProblemCode;
  readonly errors: FieldFault[] | undefined;
  /** After how long another try makes sense, where that is another time than a second. */
  readonly retryAfterSeconds: number | undefined;

  /**
   * @param detail what happened here and what to do next; says nothing internal. By default the faults as
   *   sentences, or the title.
   */
  constructor(
    code: ProblemCode,
    detail?: string,
    errors?: FieldFault[],
    retryAfterSeconds?: number,
  ) {
    super(detail ?? (errors === undefined ? `${problems[code][1]}.` : faultSentences(errors)));
    this.name = 'ProblemError';
    this.code = code;
    this.errors = errors;
    this.retryAfterSeconds = retryAfterSeconds;
  }

  get status(): number {
    return problems[this.code][0];
  }
}

/** The answer's body for an error. */
export function problemBody(error: ProblemError, requestId: string): Problem {
  const [status, title] = problems[error.code];
  return {
    type: `urn:latchkey:problem:${error.code}`,
    title,
    status,
    code: error.code,
    detail: error.message,
    request_id: requestId,
    ...(error.errors === undefined ? {} : { errors: error.errors }),
  };
}
