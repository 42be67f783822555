import { ProblemError } from '../http/problem.ts';
import { createTokenBuckets } from '../http/token-buckets.ts';
import type { Clock } from '../platform/clock.ts';
import type { Metrics } from '../platform/metrics.ts';
import type { Caller } from './caller.ts';

/** Maximum number of keys, and of users, that have a token bucket. Only valid keys and tokens get one. */
const maxEntries = 10_000;

/** One user's share of the rate that all user tokens of a project have together. */
const shareOfUser = 1 / 20;

/**
 * Creates the rate limit for callers on this instance. A key may send `keyMaxRps` requests per second. All
 * user tokens of a project together may send the same number, and a single user may send a share of that, so
 * that one page delays neither the project's server nor many other users.
 *
 * @returns a function that charges a request and throws ProblemError `too_many_requests`.
 */
export function createRateLimit(deps: {
  /** The rate and burst of a key, requests per second. */
  keyMaxRps: number;
  monotonic: Clock;
  metrics: Metrics;
}): (caller: Caller) => void {
  const { keyMaxRps, monotonic, metrics } = deps;
  const userMaxRps = Math.max(1, Math.floor(keyMaxRps * shareOfUser));
  const keys = createTokenBuckets({ perSecond: keyMaxRps, capacity: keyMaxRps, maxEntries });
  const users = createTokenBuckets({ perSecond: userMaxRps, capacity: userMaxRps, maxEntries });

  function refuse(limit: 'key' | 'user', detail: string): never {
    metrics.rateLimited.inc({ limit });
    throw new ProblemError('too_many_requests', detail);
  }

  return ({ actor, projectId, user }) => {
    const now = monotonic();
    if (user === null) {
      if (keys.take(actor, now) === 0) return;
      refuse(
        'key',
        `The API key exceeds ${keyMaxRps} requests per second. Retry later, and send fewer.`,
      );
    }
    if (users.take(actor, now) > 0) {
      refuse(
        'user',
        `The user exceeds ${userMaxRps} requests per second. Retry later, and send fewer.`,
      );
    }
    if (keys.take(`user tokens of ${projectId ?? ''}`, now) > 0) {
      refuse(
        'user',
        `The user tokens of the project exceed ${keyMaxRps} requests per second. Retry later.`,
      );
    }
  };
}
