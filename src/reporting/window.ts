import { ProblemError } from '../http/problem.ts';
import { firstInstant } from '../http/schemas.ts';
import type { ReportWindow } from './core/movement.ts';

const dayMs = 86_400_000;
const defaultDays = 30;

/**
 * Returns the requested half-open window. Without `to`, it ends just after the current instant. Without
 * `from`, it covers 30 days, or fewer if it would begin before the first valid instant.
 *
 * @throws ProblemError window_invalid if the window is empty or longer than `maxDays`.
 */
export function reportWindow(
  given: { from?: number | undefined; to?: number | undefined },
  now: number,
  maxDays = Infinity,
): ReportWindow {
  const to = given.to ?? now + 1;
  const from = given.from ?? Math.max(firstInstant, to - defaultDays * dayMs);
  if (from >= to) {
    const end = given.to === undefined ? '`to`, which is now' : '`to`';
    throw new ProblemError('window_invalid', undefined, [
      { path: 'from', message: `must be before ${end}` },
    ]);
  }
  if (to - from > maxDays * dayMs) {
    throw new ProblemError('window_invalid', undefined, [
      {
        path: 'from',
        message: `must be at most ${maxDays} days before \`to\`: request fewer days`,
      },
    ]);
  }
  return { from, to };
}
