import { ProblemError } from '../http/problem.ts';

/** Maximum difference between Stripe's timestamp and our clock, in either direction, seconds. */
export const maxClockDifferenceSeconds = 300;

/**
 * Rejects a `Stripe-Signature` header that lacks a timestamp or an HMAC-SHA-256 (`v1`), or has a timestamp
 * too far from now. The SDK would accept any future timestamp. Pure.
 *
 * @param now epoch milliseconds.
 * @throws ProblemError `signature_invalid`.
 */
export function requireGoodHeader(
  header: string | string[] | undefined,
  now: number,
): asserts header is string {
  if (typeof header !== 'string' || header.trim() === '') {
    throw new ProblemError('signature_invalid', 'Send the header `Stripe-Signature`.');
  }
  const sentAt = /(?:^|,)t=(\d{1,15})(?:,|$)/.exec(header)?.[1];
  if (sentAt === undefined || !/(?:^|,)v1=[0-9a-f]{64}(?:,|$)/.test(header)) {
    throw new ProblemError(
      'signature_invalid',
      '`Stripe-Signature` must contain `t=` with epoch seconds and `v1=` with 64 hexadecimal digits.',
    );
  }
  if (Math.abs(now / 1000 - Number(sentAt)) > maxClockDifferenceSeconds) {
    throw new ProblemError(
      'signature_invalid',
      'The timestamp of `Stripe-Signature` differs from our clock by more than 5 minutes.',
    );
  }
}
