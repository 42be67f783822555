import { type Availability, createAvailability } from './availability.ts';
import { type Check, checkOf, isFresh, type Known, toKnown } from './core/answer.ts';
import { degradedCheck, failModeOf } from './core/fail-mode.ts';
import type { FeatureMap } from './core/features.ts';
import { createSend } from './http.ts';
import { KnownUsers } from './known-users.ts';
import type { Events, Latchkey, LatchkeyOptions } from './latchkey.ts';
import { createLoader } from './loader.ts';
import { LatchkeyUnavailable } from './problem.ts';
import type { Answer } from './routes.ts';
import { followStream } from './stream.ts';

const defaults = {
  maxUsers: 10_000,
  maxStaleMs: 60_000,
  maxLastKnownMs: 86_400_000,
  timeoutMs: 1_000,
  slowTimeoutMs: 30_000,
};

/** Answers without waiting: a check from the cache makes no promise of its own. */
const allowed = Promise.resolve(true);
const denied = Promise.resolve(false);

/**
 * Creates a client. It keeps answers until they change: at the instant that the service named, or when the
 * stream of changes reports it. While Latchkey is unreachable, checks answer by `onUnavailable`, and say so by
 * `source`.
 */
export function createLatchkey<Features extends object = FeatureMap>(
  options: LatchkeyOptions<Features>,
): Latchkey<Features> {
  const { maxStaleMs, maxLastKnownMs, timeoutMs, slowTimeoutMs, maxUsers } = {
    ...defaults,
    ...options,
  };
  const now = options.now ?? Date.now;
  const http = { url: options.url, key: options.key, fetch: options.fetch ?? fetch };
  const send = createSend(http);
  const load = createLoader(send, timeoutMs);
  const users = new KnownUsers(maxUsers);
  const loading = new Map<string, Promise<Known>>();
  /** The last reported revision of users whose answer is being loaded. */
  const reported = new Map<string, number>();
  const listeners: { [Name in keyof Events]: Set<(event: Events[Name]) => void> } = {
    change: new Set(),
    degraded: new Set(),
    recovered: new Set(),
  };
  let isStreaming = false;
  let lastAsked: string | undefined;

  function emit<Name extends keyof Events>(name: Name, event: Events[Name]): void {
    for (const callback of listeners[name]) callback(event);
  }

  const availability: Availability = createAvailability(
    () => (lastAsked === undefined ? send('/catalog', { timeoutMs }) : loadUser(lastAsked)),
    (isUp, reason) => {
      if (isUp) emit('recovered', undefined);
      else emit('degraded', { reason });
    },
  );

  const stream =
    options.stream === false
      ? undefined
      : followStream(http, {
          onUp(isResumed) {
            isStreaming = true;
            // Changes between the fetch of an answer and the start of the stream were not reported.
            if (!isResumed) users.outdateAll();
          },
          onDown() {
            isStreaming = false;
          },
          onChange(change) {
            const { user_id: userId, revision } = change;
            if (loading.has(userId)) {
              reported.set(userId, Math.max(revision, reported.get(userId) ?? 0));
            }
            const known = users.get(userId);
            if (known !== undefined) {
              known.isOutdated = true;
              for (const code of change.lost) known.lost.add(code);
              for (const code of change.gained) known.lost.delete(code);
            }
            emit('change', change);
          },
          onReset() {
            users.outdateAll();
          },
          // While Latchkey is unreachable, only the probe asks for it.
          mayConnect: () => availability.isUp(),
        });

  /** Loads a user's answer; once at a time. */
  function loadUser(userId: string): Promise<Known> {
    const running = loading.get(userId);
    if (running !== undefined) return running;
    lastAsked = userId;
    const task = fetchKnown(userId).finally(() => {
      loading.delete(userId);
      reported.delete(userId);
    });
    loading.set(userId, task);
    return task;
  }

  async function fetchKnown(userId: string): Promise<Known> {
    try {
      let fetchedAt = now();
      let answer = await load(userId);
      // A change that was reported meanwhile may be missing from the answer.
      const least = reported.get(userId) ?? 0;
      if (answer.revision < least) {
        fetchedAt = now();
        answer = await readAnswer(userId, least);
      }
      const known = toKnown(answer, fetchedAt);
      users.set(userId, known);
      return known;
    } catch (error) {
      availability.note(error);
      throw error;
    }
  }

  function readAnswer(userId: string, minRevision: number): Promise<Answer> {
    return send('/entitlements', {
      query: { user_id: userId, min_revision: minRevision, include: 'reasons' },
      timeoutMs,
    });
  }

  function freshOf(userId: string): Known | undefined {
    const known = users.get(userId);
    return known !== undefined && isFresh(known, now(), isStreaming, maxStaleMs)
      ? known
      : undefined;
  }

  async function loadedCheck(userId: string, code: string): Promise<Check> {
    if (availability.isUp()) {
      try {
        return checkOf(await loadUser(userId), code, 'server');
      } catch (error) {
        if (!(error instanceof LatchkeyUnavailable)) throw error;
      }
    } else lastAsked = userId;
    const mode = failModeOf(options.onUnavailable, code);
    return degradedCheck(mode, users.get(userId), code, now(), maxLastKnownMs);
  }

  function slow<Body>(path: string, body: unknown, idempotencyKey?: string): Promise<Body> {
    return send<Body>(path, {
      method: 'POST',
      body,
      timeoutMs: slowTimeoutMs,
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    });
  }

  function check(userId: string, code: string): Promise<Check> {
    const known = freshOf(userId);
    return known === undefined
      ? loadedCheck(userId, code)
      : Promise.resolve(checkOf(known, code, 'cache'));
  }

  return {
    allows(userId, code) {
      const known = freshOf(userId);
      if (known === undefined) return loadedCheck(userId, code).then((found) => found.allowed);
      return known.checks.get(code)?.allowed === true ? allowed : denied;
    },
    check,
    async limit(userId, code) {
      const { allowed: isAllowed, value } = await check(userId, code);
      if (!isAllowed) return 0;
      // A fail mode of `allow` knows no value.
      return typeof value === 'number' ? value : Infinity;
    },
    async entitlements(userId, { minRevision = 0 } = {}) {
      const fresh = freshOf(userId);
      if (fresh !== undefined && fresh.answer.revision >= minRevision) return fresh.answer;
      if (!availability.isUp()) throw new LatchkeyUnavailable('Latchkey is unreachable.');
      const { answer } = await loadUser(userId);
      if (answer.revision >= minRevision) return answer;
      const known = toKnown(await readAnswer(userId, minRevision), now());
      users.set(userId, known);
      return known.answer;
    },
    catalog: () => send('/catalog', { timeoutMs: slowTimeoutMs }),
    checkout({ idempotencyKey, ...request }) {
      const body = {
        user_id: request.userId,
        email: request.email,
        price_id: request.priceId,
        line_items: request.lineItems,
        success_url: request.successUrl,
        cancel_url: request.cancelUrl,
      };
      return slow('/checkout/sessions', body, idempotencyKey);
    },
    checkoutSession: (id) =>
      send(`/checkout/sessions/${encodeURIComponent(id)}`, { timeoutMs: slowTimeoutMs }),
    portal: ({ userId, returnUrl }) =>
      slow('/portal/sessions', { user_id: userId, return_url: returnUrl }),
    userToken: (userId, { ttlSeconds } = {}) =>
      slow('/user-tokens', { user_id: userId, ttl_seconds: ttlSeconds }),
    document: (userId, { ttlSeconds } = {}) =>
      send('/entitlements/document', {
        query: { user_id: userId, ttl_seconds: ttlSeconds },
        timeoutMs,
      }),
    on(name, callback) {
      listeners[name].add(callback);
      return () => {
        listeners[name].delete(callback);
      };
    },
    close() {
      stream?.close();
      availability.close();
      isStreaming = false;
      return Promise.resolve();
    },
  };
}
