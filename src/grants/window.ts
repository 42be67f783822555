import { ProblemError } from '../http/problem.ts';

/** A half-open window in epoch milliseconds. `validTo` is null if the window has no end. */
export interface GrantWindow {
  validFrom: number;
  validTo: number | null;
}

/**
 * Returns the window of a requested grant or revocation. It starts now by default.
 *
 * @throws ProblemError window_invalid if the window does not end after its start.
 */
export function windowOf(
  given: { valid_from?: number | undefined; valid_to?: number | undefined },
  now: number,
): GrantWindow {
  const validFrom = given.valid_from ?? now;
  const validTo = given.valid_to ?? null;
  if (validTo !== null && validTo <= validFrom) {
    const start = given.valid_from === undefined ? '`valid_from`, which is now' : '`valid_from`';
    throw new ProblemError('window_invalid', undefined, [
      { path: 'valid_to', message: `must be after ${start}` },
    ]);
  }
  return { validFrom, validTo };
}
