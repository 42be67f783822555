import { createAnswers } from './answers.ts';
import { createAvailability } from './availability.ts';
import { type Check, checkOf, needsBalance } from './core/answer.ts';
import { degradedCheck, type FailMode, failModeOf } from './core/fail-mode.ts';
import type { FeatureMap } from './core/features.ts';
import { createEmitter } from './events.ts';
import { createSend, type HttpOptions } from './http.ts';
import type { Latchkey, LatchkeyOptions } from './latchkey.ts';
import { LatchkeyUnavailable } from './problem.ts';
import type { AnswerOf } from './routes.ts';
import { followStream } from './stream.ts';
import type { createUsage } from './usage.ts';

const defaults = {
  maxUsers: 10_000,
  maxStaleMs: 60_000,
  maxLastKnownMs: 86_400_000,
  timeoutMs: 1_000,
  slowTimeoutMs: 30_000,
};

/** Shared results: `allows` creates no promise if the answer is cached. */
const allowed = Promise.resolve(true);
const denied = Promise.resolve(false);

/**
 * Creates a client. It keeps the answer of a user until its `next_change_at`, or until the stream of changes
 * reports a change of the user. While Latchkey is unreachable, `onUnavailable` decides what checks return, and
 * their `source` shows it.
 *
 * @throws TypeError without `url` or `key`.
 */
export function createLatchkey<Features extends object = FeatureMap>(
  options: LatchkeyOptions<Features>,
): Latchkey<Features> {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  const settings = { ...defaults, ...(Object.fromEntries(given) as Partial<typeof defaults>) };
  const { timeoutMs, slowTimeoutMs, maxLastKnownMs } = settings;
  const now = options.now ?? Date.now;
  const http = httpOptionsOf(options);
  const send = createSend(http);
  const { on, emit } = createEmitter();
  const modeOf = (code: string): FailMode => failModeOf(options.onUnavailable, code);
  let lastAsked: string | undefined;

  const availability = createAvailability(
    () => (lastAsked === undefined ? send('/catalog', { timeoutMs }) : answers.load(lastAsked)),
    (isUp, reason) => {
      if (isUp) {
        stream?.wake();
        answers.noteRecovery();
        emit('recovered', undefined);
      } else emit('degraded', { reason });
    },
  );
  const answers = createAnswers(
    { send, now, availability, isLive: (instant) => stream?.isLive(instant) === true },
    settings,
  );
  const stream =
    options.stream === false
      ? undefined
      : followStream(http, {
          onChange(change) {
            answers.noteChange(change);
            emit('change', change);
          },
          onGap: answers.noteGap,
          // While Latchkey is unreachable, only the probe sends requests.
          mayConnect: availability.isUp,
          now,
        });

  let counting: Promise<ReturnType<typeof createUsage>> | undefined;

  /** Loads what counts usage at the first use, so that apps that only check do not load it. */
  function usage(): NonNullable<typeof counting> {
    const deps = { send, availability, emit, failModeOf: modeOf };
    counting ??= import('./usage.ts').then((found) =>
      found.createUsage(deps, { timeoutMs, slowTimeoutMs }),
    );
    return counting;
  }

  async function loadedCheck(userId: string, code: string): Promise<Check> {
    lastAsked = userId;
    if (availability.isUp()) {
      try {
        const loaded = checkOf(await answers.load(userId), code, 'server');
        return needsBalance(loaded) ? await balanceCheck(userId, code) : loaded;
      } catch (error) {
        if (!(error instanceof LatchkeyUnavailable)) throw error;
      }
    }
    return degraded(userId, code);
  }

  /** Checks the balance of a metered feature. The service checks other features without an amount. */
  async function balanceCheck(userId: string, code: string, amount?: number): Promise<Check> {
    if (!availability.isUp()) return degraded(userId, code);
    lastAsked = userId;
    const noteError = availability.begin();
    try {
      const { valid_to: validTo, ...found } = await send<AnswerOf<'/api/v1/entitlements/check'>>(
        '/entitlements/check',
        { query: { user_id: userId, feature_code: code, amount }, timeoutMs, isRead: true },
      );
      const { allowed, balance, reason, revision, value } = found;
      return {
        ...{ allowed, reason, value, validTo, revision, source: 'server' },
        ...(balance === undefined ? {} : { balance: balance ?? Infinity }),
      };
    } catch (error) {
      noteError(error);
      if (!(error instanceof LatchkeyUnavailable)) throw error;
      return degraded(userId, code);
    }
  }

  function degraded(userId: string, code: string): Check {
    return degradedCheck(modeOf(code), answers.last(userId), code, now(), maxLastKnownMs);
  }

  function slow<Body>(path: string, body: unknown, idempotencyKey?: string): Promise<Body> {
    return send<Body>(path, { method: 'POST', body, timeoutMs: slowTimeoutMs, idempotencyKey });
  }

  function check(
    userId: string,
    code: string,
    { amount }: { amount?: number } = {},
  ): Promise<Check> {
    if (amount !== undefined) return balanceCheck(userId, code, amount);
    const known = answers.fresh(userId, code);
    if (known === undefined) return loadedCheck(userId, code);
    const found = checkOf(known, code, 'cache');
    return needsBalance(found) ? balanceCheck(userId, code) : Promise.resolve(found);
  }

  return {
    allows(userId, code) {
      const known = answers.fresh(userId, code);
      if (known === undefined) return loadedCheck(userId, code).then(isAllowed);
      const found = known.checks.get(code);
      if (found?.allowed !== true) return denied;
      return needsBalance(found) ? balanceCheck(userId, code).then(isAllowed) : allowed;
    },
    check,
    async limit(userId, code) {
      const { value, ...found } = await check(userId, code);
      if (!found.allowed) return 0;
      if (typeof value === 'number') return value;
      // The value is null if a fail mode or a reported change allows the feature.
      if (value === 'unlimited' || value === null) return Infinity;
      throw new TypeError(`Feature \`${code}\` is not a limit.`);
    },
    async entitlements(userId, { minRevision = 0 } = {}) {
      const fresh = answers.fresh(userId);
      if (fresh !== undefined && fresh.answer.revision >= minRevision) return fresh.answer;
      if (!availability.isUp()) throw new LatchkeyUnavailable('Latchkey is unreachable.');
      lastAsked = userId;
      const { answer } = await answers.load(userId);
      if (answer.revision >= minRevision) return answer;
      return (await answers.loadAtLeast(userId, minRevision)).answer;
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
    consume: async (...use) => (await usage()).consume(...use),
    consumeBatch: async (...uses) => (await usage()).consumeBatch(...uses),
    hold: async (...use) => (await usage()).hold(...use),
    reverse: async (...entry) => (await usage()).reverse(...entry),
    usage: async (...user) => (await usage()).usage(...user),
    on,
    async close() {
      (await counting)?.close();
      availability.close();
      await stream?.close();
    },
  };
}

function isAllowed({ allowed: found }: Check): boolean {
  return found;
}

function httpOptionsOf({ url, key, fetch: given }: LatchkeyOptions): HttpOptions {
  if (url === undefined || url === '')
    throw new TypeError('`url` is missing: the URL of Latchkey.');
  if (key === undefined || key === '') throw new TypeError('`key` is missing: an API key.');
  if (!/^https?:\/\//.test(url)) throw new TypeError('`url` must begin with https:// or http://.');
  return { url, key, fetch: given ?? ((...request) => fetch(...request)) };
}
