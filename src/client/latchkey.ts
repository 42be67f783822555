import type { Check } from './core/answer.ts';
import type { Consumption, ConsumeOptions, Hold, Use } from './core/consumption.ts';
import type { FailModes } from './core/fail-mode.ts';
import type { CodeOf, FeatureMap } from './core/features.ts';
import type { Events } from './events.ts';
import type { LatchkeyError } from './problem.ts';
import type { Answer, AnswerOf, BodyOf, Usage } from './routes.ts';

export interface LatchkeyOptions<Features extends object = FeatureMap> {
  /**
   * The service's URL, such as `https://latchkey.example.com`. Required; the type allows an environment
   * variable, which may be undefined.
   */
  url: string | undefined;
  /** An API key of the project. Its scopes decide which methods work; `read` suffices for checks. */
  key: string | undefined;
  /** What checks return while Latchkey is unreachable; `last_known` by default. */
  onUnavailable?: FailModes<CodeOf<Features>>;
  /** Maximum number of users whose answers are kept; 10,000 by default. */
  maxUsers?: number;
  /** Maximum age of an answer while the stream of changes is down; 60,000 ms by default. */
  maxStaleMs?: number;
  /** Maximum age of an answer that serves as the last known one; 24 hours by default. */
  maxLastKnownMs?: number;
  /**
   * Time limit for reading entitlements and documents, and for consuming and holding, retries included; 1,000 ms
   * by default.
   */
  timeoutMs?: number;
  /** Time limit of all other requests, some of which wait for Stripe; 30,000 ms by default. */
  slowTimeoutMs?: number;
  /** Whether to follow the stream of changes; true by default. Otherwise answers are kept for `maxStaleMs`. */
  stream?: boolean;
  /** The function that sends requests; the runtime's `fetch` by default. */
  fetch?: typeof fetch;
  /** Returns the present, epoch milliseconds. */
  now?: () => number;
}

type CheckoutBody = BodyOf<'/api/v1/checkout/sessions'>;

export interface CheckoutRequest {
  userId: string;
  email?: string;
  priceId?: string;
  lineItems?: NonNullable<CheckoutBody['line_items']>;
  successUrl: string;
  cancelUrl: string;
  /** Repeats of a request with the same key open one session. */
  idempotencyKey?: string;
}

/** Reads entitlements for an app. */
export interface Latchkey<Features extends object = FeatureMap> {
  /** Returns whether a user may use a feature. */
  allows(userId: string, feature: CodeOf<Features>): Promise<boolean>;
  /**
   * Returns whether a user may use a feature, why, with which value and until when. The balance of a metered
   * feature is read each time.
   *
   * @param options `amount`: how many units of a metered feature must be left; 1 by default.
   */
  check(userId: string, feature: CodeOf<Features>, options?: { amount?: number }): Promise<Check>;
  /**
   * Returns the value of a limit: Infinity if it is unlimited or its value is unknown, 0 if it is denied.
   *
   * @throws TypeError if the feature is not a limit.
   */
  limit(userId: string, feature: CodeOf<Features, 'limit'>): Promise<number>;
  /**
   * Returns the whole answer of a user: every entitlement, and why the other features are denied.
   *
   * @param options `minRevision`: the revision that a write returned, so that the answer contains that write.
   * @throws LatchkeyUnavailable if no fresh answer is known and Latchkey is unreachable.
   */
  entitlements(userId: string, options?: { minRevision?: number }): Promise<Answer>;
  /**
   * Consumes units of a metered feature, by default one, if enough are left. Repeats a request that gets no
   * response with the same idempotency key, so it counts once. While Latchkey is unreachable, denies the use
   * unless the fail mode of the feature is `allow`; then the event `uncounted` reports it.
   *
   * @throws LatchkeyError if Latchkey refuses the request, such as for a feature that is not metered.
   */
  consume(
    userId: string,
    feature: CodeOf<Features, 'metered'>,
    amount?: number,
    options?: ConsumeOptions,
  ): Promise<Consumption>;
  /**
   * Consumes for many users or features, each on its own, and returns the results in order. The result of a use
   * that Latchkey refuses is a LatchkeyError.
   *
   * @throws LatchkeyUnavailable if not all could be counted. Repeat the whole batch: its keys count once.
   */
  consumeBatch(
    uses: readonly Use<CodeOf<Features, 'metered'>>[],
  ): Promise<(Consumption | LatchkeyError)[]>;
  /**
   * Holds units of a metered feature for work whose final amount is not known yet. The units count as used until
   * the hold is settled, released or expires, after at most an hour. Fails like `consume`.
   */
  hold(
    userId: string,
    feature: CodeOf<Features, 'metered'>,
    amount: number,
    options: { expiresInSeconds: number; idempotencyKey?: string },
  ): Promise<Hold>;
  /** Gives back exactly what an entry consumed. A later call changes nothing and returns the same. */
  reverse(
    entryId: string,
    reason: string,
  ): Promise<AnswerOf<'/api/v1/usage/entries/{id}/reverse', 'post'>>;
  /**
   * Returns what a user has used and has left of the metered features that they may use, or of one feature.
   *
   * @throws LatchkeyUnavailable if Latchkey is unreachable.
   */
  usage(userId: string, options?: { feature?: CodeOf<Features, 'metered'> }): Promise<Usage[]>;
  /** Returns the products that are for sale, for a pricing page. */
  catalog(): Promise<AnswerOf<'/api/v1/catalog'>>;
  /** Opens a checkout; redirect the buyer to its `url`. */
  checkout(request: CheckoutRequest): Promise<AnswerOf<'/api/v1/checkout/sessions', 'post'>>;
  /** Returns the state of a checkout for the success page, with what it gave. */
  checkoutSession(id: string): Promise<AnswerOf<'/api/v1/checkout/sessions/{id}'>>;
  /** Opens the billing portal; redirect the customer to its `url`. */
  portal(request: {
    userId: string;
    returnUrl: string;
  }): Promise<AnswerOf<'/api/v1/portal/sessions', 'post'>>;
  /** Returns a token with which a browser may read this one user. */
  userToken(
    userId: string,
    options?: { ttlSeconds?: number },
  ): Promise<AnswerOf<'/api/v1/user-tokens', 'post'>>;
  /** Returns a signed document of what a user may use. */
  document(
    userId: string,
    options?: { ttlSeconds?: number },
  ): Promise<AnswerOf<'/api/v1/entitlements/document'>>;
  /**
   * Registers a callback for an event. Returns a function that removes it. An error that the callback throws
   * becomes an uncaught error of the process; no check fails because of it.
   */
  on<Name extends keyof Events>(name: Name, callback: (event: Events[Name]) => void): () => void;
  /**
   * Ends the stream. Later checks still work, without it. Requests that are running, such as that of a `settle`,
   * are repeated until their time limits.
   */
  close(): Promise<void>;
}
