import { bodyLimits } from '../http/body-limits.ts';
import { createTokenBuckets } from '../http/token-buckets.ts';

/** Token bucket of wrong signatures per client. */
const failures = { perSecond: 1, capacity: 100, maxEntries: 10_000 };

/** Period for which a correct signature vouches for the client that sent it, milliseconds. */
const vouchedForMs = 24 * 3_600_000;

/** Ratio of short requests to verified ones for a throttled client that never signed correctly. */
const verifiedOneIn = 8;

/**
 * Throttles clients that send wrong signatures, without blocking Stripe if it shares an address with them.
 */
export interface SignatureLimit {
  /**
   * Decides whether to read and verify a request, before its body is read.
   *
   * @param bytes the declared length of the body; undefined if the request declares none.
   * @returns 0 to verify it, otherwise milliseconds after which the client may retry.
   */
  waitMs(client: string, bytes: number | undefined, now: number): number;
  noteCorrect(client: string, now: number): void;
  noteWrong(client: string, now: number): void;
}

/**
 * Creates a limit that charges only failures. A client without tokens is refused, except for short bodies,
 * which cost little: all of them if it signed correctly within a day, one in eight otherwise. Behind an
 * untrusted proxy, all clients share one address: Stripe still gets through, and its first event vouches for
 * the rest. In this process, in bounded memory. Pure: `now` is a parameter.
 */
export function createSignatureLimit(): SignatureLimit {
  const buckets = createTokenBuckets(failures);
  const correctAt = new Map<string, number>();
  let slowed = 0;

  function isVouchedFor(client: string, now: number): boolean {
    const at = correctAt.get(client);
    return at !== undefined && now - at < vouchedForMs;
  }

  return {
    waitMs(client, bytes, now) {
      const wait = buckets.take(client, now);
      if (wait === 0) {
        buckets.giveBack(client);
        return 0;
      }
      if (bytes === undefined || bytes > bodyLimits.usual) return wait;
      slowed += 1;
      return isVouchedFor(client, now) || slowed % verifiedOneIn === 0 ? 0 : wait;
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
