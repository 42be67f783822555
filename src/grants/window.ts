import { ProblemError } from '../http/problem.ts';

/** A half-open window, epoch milliseconds; `validTo` null = open. */
export interface Window {
  validFrom: number;
  validTo: number | null;
}

/**
 * Returns the window of a requested grant or revocation, which starts now by default.
 * @throws ProblemError window_invalid if the window is empty
 */
export function windowOf(
  given: { valid_from?: number | undefined; valid_to?: number | undefined },
  now: number,
): Window {
  const validFrom = given.valid_from ?? now;
  const validTo = given.valid_to ?? null;
  if (validTo !== null && validTo <= validFrom) {
    throw new ProblemError(
      'window_invalid',
      `valid_to must be after ${given.valid_from === undefined ? 'now' : 'valid_from'}.`,
      [{ path: 'valid_to', message: 'must be after valid_from' }],
    );
  }
  return { validFrom, validTo };
}
