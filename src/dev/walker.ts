import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { type Answer, type Api, bodyOf, type Call, type Expected, send } from './api.ts';
import { jsonText } from './json-text.ts';
import type { Narrator } from './narrator.ts';
import type { PriceIds } from './seed.ts';

/** The control of time in a walk. */
interface WalkClock {
  /** Epoch milliseconds. */
  now(): number;
  /** Sets the service's and the sandbox's clock to an instant, epoch milliseconds. */
  moveTo(instant: number): Promise<void>;
}

export interface WalkOptions {
  /** The URL of the service. */
  serviceUrl: string;
  /** The URL of the sandbox: Stripe's API and the hosted pages. */
  sandboxUrl: string;
  adminKey: string;
  stripeKey: string;
  /** Null: time cannot be moved. Steps that need it are skipped visibly, and "cancel now" is used instead. */
  clock: WalkClock | null;
  /** Whether the service has a Redis. */
  cached: boolean;
  narrator: Narrator;
}

export interface Heard<T> {
  body: T;
  answer: Answer;
}

const entitlementsShape = z.object({
  revision: z.int(),
  entitlements: z.array(
    z.object({
      feature_code: z.string(),
      value: z.unknown(),
      valid_from: z.string().nullable(),
      valid_to: z.string().nullable(),
      sources: z.array(z.object({ type: z.string() })),
    }),
  ),
});

export type Entitlements = z.infer<typeof entitlementsShape>;

const checkShape = z.object({
  allowed: z.boolean(),
  reason: z.string(),
  value: z.unknown(),
  valid_to: z.string().nullable(),
});

const strongCheckShape = checkShape.extend({ revision: z.int() });

type Check = z.infer<typeof checkShape>;

type Holds = (check: Check) => boolean;

/** Maximum time from the buyer's click until the service has applied the result, milliseconds. */
const appliedWithinMs = 15_000;

/** The actions of a walk's steps: requests, explanations and checks. */
export class Walker {
  readonly options: WalkOptions;
  readonly narrator: Narrator;
  /** The project's key, once it exists; the platform key until then. */
  #api: Api;
  #prices: PriceIds | undefined;
  /** The newest revision of each user's entitlements in any response. */
  readonly #revisions = new Map<string, number>();

  constructor(options: WalkOptions) {
    this.options = options;
    this.narrator = options.narrator;
    this.#api = { serviceUrl: options.serviceUrl, key: options.adminKey };
  }

  useKey(key: string): void {
    this.#api = { ...this.#api, key };
  }

  keepPrices(prices: PriceIds): void {
    this.#prices = prices;
  }

  /** The Stripe prices of the catalog. */
  get prices(): PriceIds {
    if (this.#prices === undefined) throw new Error('The catalog must be created first.');
    return this.#prices;
  }

  /** Sets the clock to an instant, epoch milliseconds. */
  async moveTo(instant: number): Promise<void> {
    if (this.options.clock === null) throw new Error('This clock cannot be moved.');
    this.narrator.say(`The clock is set to ${new Date(instant).toISOString()}.`);
    await this.options.clock.moveTo(instant);
  }

  /** Sends a request and prints the response. @throws WrongAnswer */
  async ask<T>(call: Call, expected: Expected<T>, brief = false): Promise<Heard<T>> {
    const answer = await send(this.#api, call);
    this.narrator.exchange(call, answer, brief);
    return { body: bodyOf(call, answer, expected), answer };
  }

  /** Checks that a value is as expected. */
  right(statement: string, found: unknown, wanted: unknown): void {
    if (!isDeepStrictEqual(found, wanted)) {
      throw new Error(
        `Failed: ${statement}.\nexpected ${jsonText(wanted, 90)}\nfound  ${jsonText(found, 90)}`,
      );
    }
    this.narrator.right(statement);
  }

  async entitlements(userId: string, brief = false): Promise<Heard<Entitlements>> {
    const path = `/api/v1/entitlements?${this.#userQuery(userId)}`;
    return this.ask({ method: 'GET', path }, { status: 200, shape: entitlementsShape }, brief);
  }

  async check(userId: string, featureCode: string): Promise<Check> {
    const path = `/api/v1/entitlements/check?${this.#userQuery(userId)}&feature_code=${featureCode}`;
    const heard = await this.ask({ method: 'GET', path }, { status: 200, shape: checkShape });
    return heard.body;
  }

  /**
   * Waits until Stripe's webhook has changed a user's access to a feature. Reads past the cache, so that the
   * steps see the cache as the webhook left it. Later reads ask for at least this revision, since the cache
   * is invalidated after the commit.
   */
  async waitUntil(
    statement: string,
    userId: string,
    featureCode: string,
    holds: Holds,
  ): Promise<void> {
    const query = `user_id=${userId}&feature_code=${featureCode}&consistency=strong`;
    const call: Call = { method: 'GET', path: `/api/v1/entitlements/check?${query}` };
    const startedAt = performance.now();
    for (;;) {
      const answer = await send(this.#api, call);
      const check = bodyOf(call, answer, { status: 200, shape: strongCheckShape });
      const tookMs = performance.now() - startedAt;
      if (holds(check)) {
        this.#revisions.set(userId, check.revision);
        this.narrator.right(`${statement} (${Math.round(tookMs)} ms later)`);
        return;
      }
      if (tookMs > appliedWithinMs) {
        throw new Error(`Not within 15 s: ${statement}.\nLast answer: ${jsonText(check, 90)}`);
      }
      await pause(20);
    }
  }

  #userQuery(userId: string): string {
    const revision = this.#revisions.get(userId);
    return `user_id=${userId}${revision === undefined ? '' : `&min_revision=${revision}`}`;
  }
}

/** One step of the walk. State for later steps stays in its own file. */
export interface Step {
  title: string;
  /** Runs only if the clock can be moved, or only if it cannot. */
  only?: 'movable clock' | 'real clock';
  run(walker: Walker): Promise<void>;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
