import { bodyLimits } from '../http/body-limits.ts';
import { createTokenBuckets } from '../http/token-buckets.ts';

/** The token bucket for wrong signatures, one per client. */
const failures = { perSecond: 1, capacity: 100, maxEntries: 10_000 };

/** Period for which a client is trusted after a correct signature, milliseconds. */
const trustedForMs = 24 * 3_600_000;

/** One in this many short requests of throttled, untrusted clients is verified. */
const verifiedOneIn = 8;

/**
 * Throttles clients that send wrong signatures, without blocking Stripe if its requests arrive from the same
 * address.
 */
export interface SignatureLimit {
  /**
   * Decides whether to read and verify a request, before its body is read.
   *
   * @param bytes the declared length of the body; undefined if the request declares none.
   * @returns 0 to verify it, otherwise the number of milliseconds after which the client may retry.
   */
  waitMs(client: string, bytes: number | undefined, now: number): number;
  noteCorrect(client: string, now: number): void;
  noteWrong(client: string, now: number): void;
}

/**
 * Creates an in-process limit that charges only failures. A client without tokens still gets its short bodies
 * verified, because they cost little: all of them if the client is trusted, one in eight otherwise. So Stripe
 * gets through even if an untrusted proxy makes all clients share one address.
 */
export function createSignatureLimit(): SignatureLimit {
  const buckets = createTokenBuckets(failures);
  const correctAt = new Map<string, number>();
  let throttled = 0;

  function isTrusted(client: string, now: number): boolean {
    const at = correctAt.get(client);
    return at !== undefined && now - at < trustedForMs;
  }

  return {
    waitMs(client, bytes, now) {
      const wait = buckets.take(client, now);
      if (wait === 0) {
        buckets.giveBack(client);
        return 0;
      }
      if (bytes === undefined || bytes > bodyLimits.usual) return wait;
      throttled += 1;
      return isTrusted(client, now) || throttled % verifiedOneIn === 0 ? 0 : wait;
    },
    noteCorrect(client, now) {
      correctAt.delete(client);
      correctAt.set(client, now);
      const [oldest] = correctAt.keys();
      if (correctAt.size > failures.maxEntries && oldest !== undefined) correctAt.delete(oldest);
    },
    noteWrong(client, now) {
      buckets.take(client, now);
    },
  };
}
