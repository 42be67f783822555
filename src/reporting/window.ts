import { ProblemError } from '../http/problem.ts';
import { firstInstant } from '../http/schemas.ts';
import type { ReportWindow } from './core/movement.ts';

const dayMs = 86_400_000;
const defaultDays = 30;

/**
 * The half-open window that is asked for. Without `to` it ends with the present instant, which is still
 * in it; without `from` it has 30 days, fewer where they would begin before all that can be said.
 *
 * @throws ProblemError window_invalid where no instant is in it, or where it is longer than `maxDays`
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
        message: `must be at most ${maxDays} days before \`to\`: ask for less at once`,
      },
    ]);
  }
  return { from, to };
}
