import { StripeFault } from '../stripe-error.ts';
import type { SandboxClock } from '../state/clock.ts';

/** A way for API requests to go wrong. The first rule that matches a request decides. */
export interface ApiFault {
  /** The whole path as text, or what a pattern finds in it; absent: every path. */
  path?: RegExp | string;
  method?: string;
  /** Answer with this error before anything is done. */
  status?: 429 | 500;
  /** Never answer. */
  hang?: boolean;
  /** Answer lists as if there was nothing. */
  emptyPage?: boolean;
  /** For how many requests; absent: until cleared. */
  times?: number;
  /** Sent with a 429. */
  retryAfterSeconds?: number;
}

/** What is to happen to one request. */
export type FaultVerdict =
  'none' | 'hang' | 'empty_page' | { fault: StripeFault; headers: Record<string, string> };

/** The rules in force, and the rate limit. */
export class ApiFaults {
  readonly #clock: SandboxClock;
  #rules: { rule: ApiFault; left: number }[] = [];
  #perSecond: number | null = null;
  #recent: number[] = [];

  constructor(clock: SandboxClock) {
    this.#clock = clock;
  }

  get rules(): readonly ApiFault[] {
    return this.#rules.map(({ rule }) => rule);
  }

  add(...rules: readonly ApiFault[]): void {
    this.#rules.push(...rules.map((rule) => ({ rule, left: rule.times ?? Infinity })));
  }

  /** At most so many requests in any second of the sandbox's clock; null: no limit. */
  rateLimit(perSecond: number | null): void {
    this.#perSecond = perSecond;
    this.#recent = [];
  }

  clear(): void {
    this.#rules = [];
    this.rateLimit(null);
  }

  judge(method: string, path: string): FaultVerdict {
    if (!this.#withinRate()) {
      return { fault: rateLimited(), headers: { 'stripe-rate-limited-reason': 'global-rate' } };
    }
    const match = this.#rules.find(({ rule, left }) => left > 0 && concerns(rule, method, path));
    if (match === undefined) {
      return 'none';
    }
    match.left -= 1;
    return verdictOf(match.rule);
  }

  #withinRate(): boolean {
    if (this.#perSecond === null) {
      return true;
    }
    const now = this.#clock.now();
    this.#recent = this.#recent.filter((at) => at > now - 1000);
    if (this.#recent.length >= this.#perSecond) {
      return false;
    }
    this.#recent.push(now);
    return true;
  }
}

function concerns({ path, method }: ApiFault, requestMethod: string, requestPath: string): boolean {
  const samePath =
    path === undefined ||
    (typeof path === 'string' ? path === requestPath : path.test(requestPath));
  return samePath && (method === undefined || method.toUpperCase() === requestMethod);
}

function verdictOf(rule: ApiFault): FaultVerdict {
  if (rule.hang === true) {
    return 'hang';
  }
  if (rule.emptyPage === true) {
    return 'empty_page';
  }
  if (rule.status === 429) {
    const seconds = rule.retryAfterSeconds;
    return {
      fault: rateLimited(),
      headers: seconds === undefined ? {} : { 'retry-after': String(seconds) },
    };
  }
  const fault = new StripeFault(500, {
    type: 'api_error',
    message: 'An unknown error occurred',
  });
  return { fault, headers: {} };
}

function rateLimited(): StripeFault {
  return new StripeFault(429, {
    type: 'invalid_request_error',
    code: 'rate_limit',
    message: 'Request rate limit exceeded.',
  });
}
