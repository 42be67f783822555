import { StripeFault } from '../stripe-error.ts';
import type { JsonObject } from '../wire.ts';

interface Answer {
  request: string;
  body: JsonObject;
  at: number;
}

const keptMs = 24 * 3600 * 1000;

/** Answers kept by idempotency key for a day, as Stripe keeps them. */
export class IdempotencyKeys {
  readonly #answers = new Map<string, Answer>();

  /**
   * The answer given before, if any. Throws Stripe's `idempotency_error` where the key came with
   * another request.
   */
  recall(key: string, request: string, now: number): JsonObject | undefined {
    const answer = this.#answers.get(key);
    if (answer === undefined || answer.at + keptMs <= now) {
      return undefined;
    }
    if (answer.request !== request) {
      throw new StripeFault(400, {
        type: 'idempotency_error',
        message: `Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than '${key}' if you meant to execute a different request.`,
      });
    }
    return answer.body;
  }

  /** Keeps an answer. Refusals are not kept: Stripe lets a corrected request use the key again. */
  keep(key: string, request: string, body: JsonObject, now: number): void {
    this.#answers.set(key, { request, body, at: now });
  }

  clear(): void {
    this.#answers.clear();
  }
}
