import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { type Answer, type Api, bodyOf, type Call, type Expected, send } from './api.ts';
import { jsonText } from './json-text.ts';
import type { MovableClock } from './clock.ts';
import type { Narrator } from './narrator.ts';
import type { PriceIds } from './seed.ts';

export interface WalkOptions {
  /** The URL of the service. */
  serviceUrl: string;
  /** The URL of the sandbox: Stripe's API and the hosted pages. */
  sandboxUrl: string;
  adminKey: string;
  stripeKey: string;
  /** The clock of the service and the sandbox. If null, it cannot be moved, and some steps are skipped. */
  clock: Pick<MovableClock, 'moveTo'> | null;
  /** Whether the service uses Redis. */
  cached: boolean;
  narrator: Narrator;
}

interface Received<T> {
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

const checkShape = z.object({
  allowed: z.boolean(),
  reason: z.string(),
  value: z.unknown(),
  valid_to: z.string().nullable(),
});

const strongCheckShape = checkShape.extend({ revision: z.int() });

type Check = z.infer<typeof checkShape>;

/** The maximum time from the buyer's click until the service has applied the result, in milliseconds. */
const appliedWithinMs = 15_000;

/** The actions of a walk's steps: requests, explanations and checks. */
export class Walker {
  readonly options: WalkOptions;
  readonly narrator: Narrator;
  /** Uses the platform key until the project's key exists, and the project's key afterwards. */
  #api: Api;
  #prices: PriceIds | undefined;
  /** The revision that later reads require, by user. */
  readonly #revisions = new Map<string, number>();

  constructor(options: WalkOptions) {
    this.options = options;
    this.narrator = options.narrator;
    this.#api = { serviceUrl: options.serviceUrl, key: options.adminKey };
  }

  useKey(key: string): void {
    this.#api = { ...this.#api, key };
  }

  setPrices(prices: PriceIds): void {
    this.#prices = prices;
  }

  /** The Stripe prices of the catalog. */
  get prices(): PriceIds {
    if (this.#prices === undefined) throw new Error('The catalog must be created first.');
    return this.#prices;
  }

  /** Sets the clock to a time in epoch milliseconds. */
  moveTo(instant: number): void {
    if (this.options.clock === null) throw new Error('This clock cannot be moved.');
    this.narrator.say(`The clock is set to ${new Date(instant).toISOString()}.`);
    this.options.clock.moveTo(instant);
  }

  /** Sends a request and prints the response. @throws UnexpectedResponse */
  async ask<T>(call: Call, expected: Expected<T>, brief = false): Promise<Received<T>> {
    const answer = await send(this.#api, call);
    this.narrator.exchange(call, answer, brief);
    return { body: bodyOf(call, answer, expected), answer };
  }

  /** Prints that a check passed. @throws Error if the value found is not the expected one. */
  expectEqual(statement: string, found: unknown, expected: unknown): void {
    if (!isDeepStrictEqual(found, expected)) {
      throw new Error(
        `Failed: ${statement}.\nexpected ${jsonText(expected, 90)}\nfound  ${jsonText(found, 90)}`,
      );
    }
    this.narrator.passed(statement);
  }

  async entitlements(
    userId: string,
    brief = false,
  ): Promise<Received<z.infer<typeof entitlementsShape>>> {
    const path = `/api/v1/entitlements?${this.#userQuery(userId)}`;
    return this.ask({ method: 'GET', path }, { status: 200, shape: entitlementsShape }, brief);
  }

  async check(userId: string, featureCode: string): Promise<Check> {
    const path = `/api/v1/entitlements/check?${this.#userQuery(userId)}&feature_code=${featureCode}`;
    return (await this.ask({ method: 'GET', path }, { status: 200, shape: checkShape })).body;
  }

  /** Requests a user's access to a feature, and checks the given fields of the response. */
  async expectCheck(
    statement: string,
    userId: string,
    featureCode: string,
    expected: Partial<Check>,
  ): Promise<void> {
    const fields = Object.entries(await this.check(userId, featureCode));
    const found = Object.fromEntries(fields.filter(([name]) => name in expected));
    this.expectEqual(statement, found, expected);
  }

  /**
   * Waits until Stripe's webhook has changed a user's access to a feature. Bypasses the cache, so that later
   * steps find the cache as the webhook left it. Later reads require the new revision, because the cache is
   * invalidated after the commit.
   */
  async waitForWebhook(
    userId: string,
    featureCode: string,
    isApplied: (check: Check) => boolean,
  ): Promise<void> {
    const statement = "Stripe's webhook arrived and was applied";
    const query = `user_id=${userId}&feature_code=${featureCode}&consistency=strong`;
    const call: Call = { method: 'GET', path: `/api/v1/entitlements/check?${query}` };
    const startedAt = performance.now();
    for (;;) {
      const answer = await send(this.#api, call);
      const check = bodyOf(call, answer, { status: 200, shape: strongCheckShape });
      const tookMs = performance.now() - startedAt;
      if (isApplied(check)) {
        this.#revisions.set(userId, check.revision);
        this.narrator.passed(`${statement} (${Math.round(tookMs)} ms later)`);
        return;
      }
      if (tookMs > appliedWithinMs) {
        throw new Error(
          `Timed out after 15 s: ${statement}.\nLast response: ${jsonText(check, 90)}`,
        );
      }
      await sleep(20);
    }
  }

  #userQuery(userId: string): string {
    const revision = this.#revisions.get(userId);
    return `user_id=${userId}${revision === undefined ? '' : `&min_revision=${revision}`}`;
  }
}

/** A step of the walk. */
export interface Step {
  title: string;
  /** Restricts the step to a clock that can be moved, or to one that cannot. */
  only?: 'movable clock' | 'real clock';
  run(walker: Walker): Promise<void>;
}
