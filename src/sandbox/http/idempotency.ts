import { StripeFault } from '../stripe-error.ts';
import type { JsonObject } from '../wire.ts';

interface Answer {
  request: string;
  answer: JsonObject | StripeFault;
  at: number;
}

const keptMs = 24 * 3600 * 1000;

/** Responses by idempotency key, stored for a day, as Stripe does. */
export class IdempotencyKeys {
  readonly #answers = new Map<string, Answer>();

  /**
   * Returns the earlier response, if any.
   *
   * @throws StripeFault `idempotency_error` if the key was used with another request.
   */
  recall(key: string, request: string, now: number): JsonObject | StripeFault | undefined {
    const kept = this.#answers.get(key);
    if (kept === undefined || kept.at + keptMs <= now) {
      return undefined;
    }
    if (kept.request !== request) {
      throw new StripeFault(400, {
        type: 'idempotency_error',
        message: `Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than '${key}' if you meant to execute a different request.`,
      });
    }
    return kept.answer;
  }

  /**
   * Stores a response. Failures are stored if the request was executed. A request refused for its parameters
   * is not, so a corrected one may use the key.
   */
  keep(key: string, request: string, answer: JsonObject | StripeFault, now: number): void {
    if (answer instanceof StripeFault && answer.status !== 402 && answer.status < 500) return;
    this.#answers.set(key, { request, answer, at: now });
  }

  clear(): void {
    this.#answers.clear();
  }
}
