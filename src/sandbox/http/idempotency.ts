import { StripeFault } from '../stripe-error.ts';
import type { JsonObject } from '../wire.ts';

interface Answer {
  request: string;
  answer: JsonObject | StripeFault;
  at: number;
}

const keptMs = 24 * 3600 * 1000;

/** Stores responses by idempotency key for a day, as Stripe does. */
export class IdempotencyKeys {
  readonly #answers = new Map<string, Answer>();

  /**
   * Returns the response stored under a key, if any.
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
   * Stores a response. A failure is stored only if the request was executed: a request rejected for its
   * parameters is not stored, so that the corrected request can reuse the key.
   */
  keep(key: string, request: string, answer: JsonObject | StripeFault, now: number): void {
    if (answer instanceof StripeFault && answer.status !== 402 && answer.status < 500) return;
    this.#answers.set(key, { request, answer, at: now });
  }

  clear(): void {
    this.#answers.clear();
  }
}
