import type { Availability } from './availability.ts';
import {
  balanceOf,
  type ConsumeOptions,
  type Consumption,
  type Hold,
  type Settlement,
  toConsumeBody,
  toConsumption,
  type Use,
} from './core/consumption.ts';
import type { FailMode } from './core/fail-mode.ts';
import type { Emitter, Events } from './events.ts';
import type { Send } from './http.ts';
import { LatchkeyError, LatchkeyUnavailable } from './problem.ts';
import { createRetry } from './retry.ts';
import type { AnswerOf, BodyOf } from './routes.ts';
import { createUndo } from './undo.ts';

export interface UsageDeps {
  send: Send;
  availability: Availability;
  emit: Emitter['emit'];
  failModeOf: (feature: string) => FailMode;
}

/** The refusals of an item of a batch. Any other problem is a failure of the service. */
const itemRefusals: Record<string, number> = {
  idempotency_key_reused: 409,
  feature_not_metered: 422,
};

const batchSize = 100;

/** Creates the methods that count usage. */
export function createUsage(
  { send, availability, emit, failModeOf }: UsageDeps,
  { timeoutMs, slowTimeoutMs }: { timeoutMs: number; slowTimeoutMs: number },
) {
  const retry = createRetry(availability);
  const undo = createUndo(send, availability, slowTimeoutMs);

  /**
   * Posts until there is a response, with one key: the request takes effect once.
   *
   * @param onFailure called with the error of each try.
   */
  function post<Body>(
    path: string,
    body: unknown,
    idempotencyKey: string,
    limitMs: number,
    onFailure: (error: unknown) => void = () => undefined,
  ): Promise<Body> {
    return retry(limitMs, async (tryMs) => {
      try {
        return await send<Body>(path, { method: 'POST', body, idempotencyKey, timeoutMs: tryMs });
      } catch (error) {
        onFailure(error);
        throw error;
      }
    });
  }

  /** Posts what a user waits for: at once, or not at all while Latchkey is unreachable. */
  async function postNow<Body>(
    path: string,
    body: unknown,
    key: string,
  ): Promise<Body | Unanswered> {
    if (!availability.isUp()) {
      return new Unanswered(new LatchkeyUnavailable('Latchkey is unreachable.'), true);
    }
    let isUncounted = true;
    try {
      return await post<Body>(path, body, key, timeoutMs, (error) => {
        isUncounted &&= isLimited(error);
      });
    } catch (error) {
      if (error instanceof LatchkeyUnavailable) return new Unanswered(error, isUncounted);
      throw error;
    }
  }

  async function consume(
    userId: string,
    feature: string,
    amount = 1,
    { idempotencyKey, partial, metadata }: ConsumeOptions = {},
  ): Promise<Consumption> {
    const key = idempotencyKey ?? crypto.randomUUID();
    const use = { userId, feature, amount, idempotencyKey: key, partial, metadata };
    const answer = await postNow<AnswerOf<'/api/v1/usage/consume', 'post'>>(
      '/usage/consume',
      toConsumeBody(use),
      key,
    );
    if (!(answer instanceof Unanswered)) return toConsumption(answer);
    const allowed = failModeOf(feature) === 'allow';
    if (allowed) emit('uncounted', { ...use, error: answer.error });
    // The app can repeat a request with its own key, so only the client's own keys are undone.
    else if (!answer.isUncounted && idempotencyKey === undefined) undo.add(use);
    return { ...fallback(allowed), consumed: 0, entryId: null };
  }

  async function hold(
    userId: string,
    feature: string,
    amount: number,
    { expiresInSeconds, idempotencyKey }: { expiresInSeconds: number; idempotencyKey?: string },
  ): Promise<Hold> {
    const key = idempotencyKey ?? crypto.randomUUID();
    const body: BodyOf<'/api/v1/usage/holds'> = {
      ...{ user_id: userId, feature_code: feature, amount, expires_in_seconds: expiresInSeconds },
    };
    const answer = await postNow<AnswerOf<'/api/v1/usage/holds', 'post'>>(
      '/usage/holds',
      body,
      key,
    );
    const isCounted = !(answer instanceof Unanswered);
    const endWith = async (used: number): Promise<Settlement> => {
      const { holdId, allowed, reason } = held;
      if (holdId !== null) return settle(holdId, used);
      if (!allowed && used > 0) throw new Error(`The hold was denied: ${reason}.`);
      if (used > 0 && !isCounted) {
        emit('uncounted', { ...use, amount: used, error: answer.error });
      }
      return { consumed: 0, balance: held.balance, entryId: null };
    };
    const use = { userId, feature, idempotencyKey: `${key}.settle` };
    const held: Hold = {
      ...(isCounted
        ? {
            ...{ allowed: answer.allowed, reason: answer.reason, held: answer.held },
            ...{ holdId: answer.hold_id, expiresAt: answer.expires_at },
            ...{ balance: balanceOf(answer.balance), source: 'server' },
          }
        : { ...fallback(failModeOf(feature) === 'allow'), held: 0, holdId: null, expiresAt: null }),
      settle: (used = amount) => endWith(used),
      release: () => endWith(0),
    };
    return held;
  }

  async function settle(holdId: string, amount: number): Promise<Settlement> {
    const path = `/usage/holds/${encodeURIComponent(holdId)}/settle`;
    const { consumed, ...settled } = await end<AnswerOf<'/api/v1/usage/holds/{id}/settle', 'post'>>(
      path,
      { amount },
      { holdId, amount },
    );
    return { consumed, balance: balanceOf(settled.balance), entryId: settled.entry_id };
  }

  async function reverse(entryId: string, reason: string) {
    const path = `/usage/entries/${encodeURIComponent(entryId)}/reverse`;
    return end<AnswerOf<'/api/v1/usage/entries/{id}/reverse', 'post'>>(
      path,
      { reason },
      { entryId },
    );
  }

  /** Ends what was held or consumed, and reports a failure: a middleware has no caller who would see it. */
  async function end<Body>(
    path: string,
    body: object,
    what: Omit<Events['unsettled'], 'error'>,
  ): Promise<Body> {
    try {
      return await post<Body>(path, body, crypto.randomUUID(), slowTimeoutMs);
    } catch (error) {
      emit('unsettled', { ...what, error });
      throw error;
    }
  }

  async function usage(
    userId: string,
    { feature }: { feature?: string } = {},
  ): Promise<AnswerOf<'/api/v1/usage'>['data']> {
    const query = { user_id: userId, feature_code: feature };
    const answer = await send<AnswerOf<'/api/v1/usage'>>('/usage', {
      ...{ query, timeoutMs, isRead: true },
    });
    return answer.data;
  }

  async function consumeBatch(uses: readonly Use[]): Promise<(Consumption | LatchkeyError)[]> {
    const results: (Consumption | LatchkeyError)[] = [];
    for (let from = 0; from < uses.length; from += batchSize) {
      const items = uses.slice(from, from + batchSize).map((use) => ({
        ...{ ...toConsumeBody(use), idempotency_key: use.idempotencyKey },
      }));
      results.push(...(await retry(slowTimeoutMs, (tryMs) => postBatch(items, tryMs))));
    }
    return results;
  }

  async function postBatch(
    items: readonly object[],
    tryMs: number,
  ): Promise<(Consumption | LatchkeyError)[]> {
    const { data } = await send<AnswerOf<'/api/v1/usage/consume/batch', 'post'>>(
      '/usage/consume/batch',
      { method: 'POST', body: { items }, timeoutMs: tryMs },
    );
    return data.map((one) => {
      if ('allowed' in one) return toConsumption(one);
      const status = itemRefusals[one.code];
      // The items that were counted keep their answers: the whole batch can be repeated.
      if (status === undefined) throw new LatchkeyUnavailable(one.detail);
      return new LatchkeyError(status, one);
    });
  }

  return { consume, consumeBatch, hold, reverse, usage, close: undo.close };
}

/** A request without a response. */
class Unanswered {
  readonly error: LatchkeyUnavailable;
  /** Whether it certainly did not take effect. */
  readonly isUncounted: boolean;

  constructor(error: LatchkeyUnavailable, isUncounted: boolean) {
    this.error = error;
    this.isUncounted = isUncounted;
  }
}

/** Whether the service refused a request unread, because of its rate. */
function isLimited(error: unknown): boolean {
  const cause = error instanceof LatchkeyUnavailable ? error.cause : undefined;
  return cause instanceof LatchkeyError && cause.status === 429;
}

function fallback(allowed: boolean) {
  return { allowed, reason: 'unavailable', balance: null, source: 'fallback' } as const;
}
