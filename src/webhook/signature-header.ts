import { ProblemError } from '../http/problem.ts';

/** Maximum difference between Stripe's timestamp and our clock, either way, seconds. */
export const toleranceSeconds = 300;

/**
 * Refuses a `Stripe-Signature` header that cannot match any body: it lacks a timestamp or an HMAC-SHA-256
 * under `v1`, or its timestamp is too far from now. The SDK accepts timestamps in the future. Pure.
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
      '`Stripe-Signature` must hold `t=` with epoch seconds and `v1=` with 64 hexadecimal digits.',
    );
  }
  if (Math.abs(now / 1000 - Number(sentAt)) > toleranceSeconds) {
    throw new ProblemError(
      'signature_invalid',
      'The timestamp of `Stripe-Signature` is too far from now.',
    );
  }
}
