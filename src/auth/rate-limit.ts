import { ProblemError } from '../http/problem.ts';
import { createTokenBuckets } from '../http/token-buckets.ts';
import type { Clock } from '../platform/clock.ts';
import type { Metrics } from '../platform/metrics.ts';
import type { Caller } from './caller.ts';

/** Maximum number of keys, and of users, with a token bucket. Only valid keys and tokens get one. */
const maxEntries = 10_000;

/** One user's share of the rate that all user tokens of a project have together. */
const shareOfUser = 1 / 20;

/**
 * Creates the rate limit of callers at this instance. A key has `keyMaxRps`. All user tokens of a project
 * have as much together, and one user a share of it, so that one page delays neither the project's server nor
 * many other users.
 *
 * @returns a function that charges a request, and throws ProblemError `too_many_requests`.
 */
export function createRateLimit(deps: {
  /** Requests per second, and burst. */
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
        `The API key exceeds ${keyMaxRps} requests per second. Retry later, or send fewer.`,
      );
    }
    if (users.take(actor, now) > 0) {
      refuse(
        'user',
        `The user exceeds ${userMaxRps} requests per second. Retry later, or send fewer.`,
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
