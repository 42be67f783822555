import { missing, StripeFault } from '../stripe-error.ts';
import type { JsonObject } from '../wire.ts';
import { RateLimiter, type RateLimit } from './rate-limit.ts';

/** A fault rule for API requests. The first rule that matches a request applies. */
export interface ApiFault {
  /** The exact path, or a pattern that it must match. Defaults to every path. */
  path?: RegExp | string;
  method?: string;
  /** Responds with this status before the request takes effect. A 404 says that the object does not exist. */
  status?: 404 | 429 | 500;
  /** For a 500: whether the failure is stored under the idempotency key, as if execution had begun. */
  begun?: boolean;
  /**
   * For a 429: the cause, which is too many requests (the default) or an object locked by another request.
   */
  code?: 'rate_limit' | 'lock_timeout';
  /** Whether the request never gets a response. */
  hang?: boolean;
  /** Whether lists return an empty page. */
  emptyPage?: boolean;
  /** Alters the response. */
  alter?: (answer: JsonObject) => JsonObject;
  /** The number of requests that the rule applies to. By default, it applies until cleared. */
  times?: number;
  /** The value of a 429's `Retry-After` header. */
  retryAfterSeconds?: number;
}

/** The fault for one request. */
export type FaultVerdict =
  | 'none'
  | 'hang'
  | { alter: (answer: JsonObject) => JsonObject }
  | { fault: StripeFault; headers: Record<string, string>; begun: boolean };

/** Applies the fault rules and the rate limit to API requests. */
export class ApiFaults {
  readonly #now: () => number;
  readonly #limiter = new RateLimiter();
  #rules: { rule: ApiFault; left: number }[] = [];

  /** @param now returns the rate limit's current time, in epoch ms. */
  constructor(now: () => number) {
    this.#now = now;
  }

  get rules(): readonly ApiFault[] {
    return this.#rules.map(({ rule }) => rule);
  }

  add(...rules: readonly ApiFault[]): void {
    this.#rules.push(...rules.map((rule) => ({ rule, left: rule.times ?? Infinity })));
  }

  limit(limit: RateLimit): void {
    this.#limiter.set(limit);
  }

  clear(): void {
    this.#rules = [];
    this.limit({});
  }

  /**
   * Returns the fault for a request.
   *
   * @param endpoint the method and the path's pattern.
   */
  judge(method: string, path: string, endpoint: string): FaultVerdict {
    const reason = this.#limiter.admit(endpoint, this.#now());
    if (reason !== null) {
      const headers = { 'stripe-rate-limited-reason': reason };
      return { fault: rateLimited(), headers, begun: false };
    }
    const match = this.#rules.find(({ rule, left }) => left > 0 && concerns(rule, method, path));
    if (match === undefined) {
      return 'none';
    }
    match.left -= 1;
    return verdictOf(match.rule, path);
  }
}

function concerns({ path, method }: ApiFault, requestMethod: string, requestPath: string): boolean {
  const samePath =
    path === undefined ||
    (typeof path === 'string' ? path === requestPath : path.test(requestPath));
  return samePath && (method === undefined || method.toUpperCase() === requestMethod);
}

function verdictOf(rule: ApiFault, path: string): FaultVerdict {
  if (rule.hang === true) {
    return 'hang';
  }
  if (rule.emptyPage === true) {
    return { alter: emptied };
  }
  if (rule.alter !== undefined) {
    return { alter: rule.alter };
  }
  if (rule.status === 404) {
    const fault = missing('object', path.split('/').at(-1) ?? '');
    return { fault, headers: {}, begun: false };
  }
  if (rule.status === 429) {
    const seconds = rule.retryAfterSeconds;
    return {
      fault: rule.code === 'lock_timeout' ? locked() : rateLimited(),
      headers: seconds === undefined ? {} : { 'retry-after': String(seconds) },
      begun: false,
    };
  }
  const fault = new StripeFault(500, {
    type: 'api_error',
    message: 'An unknown error occurred',
  });
  return { fault, headers: {}, begun: rule.begun ?? false };
}

function rateLimited(): StripeFault {
  return new StripeFault(429, {
    type: 'invalid_request_error',
    code: 'rate_limit',
    message: 'Request rate limit exceeded.',
    doc_url: 'https://docs.stripe.com/error-codes#rate-limit',
  });
}

function locked(): StripeFault {
  return new StripeFault(429, {
    type: 'invalid_request_error',
    code: 'lock_timeout',
    message:
      'This object cannot be accessed right now because another API request or Stripe process is currently accessing it. If you see this error intermittently, retry the request. If you see this error frequently and are making multiple concurrent requests to a single object, make your requests serially or at a lower rate.',
    doc_url: 'https://docs.stripe.com/error-codes#lock-timeout',
  });
}

function emptied(body: JsonObject): JsonObject {
  return body['object'] === 'list' ? { ...body, data: [], has_more: false } : body;
}
