import { type KindFigures, phaseNames } from './figures.ts';
import { mayBeTold, type OldAnswer } from './oracle.ts';
import type { Phase } from './plan.ts';

/* What must not occur in a run. Pure. */

/**
 * Returns the errors that must not occur. While Postgres is away, a 503 is correct. Requests of the killed
 * instance are cut off, which no service can prevent. Everything else is a fault, even if another instance
 * answered and the client did not notice: a stopping instance completes its work, and the others lose
 * nothing.
 *
 * @param killed the name of the killed instance.
 */
export function forbiddenErrors(figures: readonly KindFigures[], killed: string): string[] {
  const allowed: ReadonlySet<string> = new Set([
    'postgres 503 not_ready',
    `killed cut by ${killed}`,
    `killed refused by ${killed}`,
  ]);
  return figures.flatMap(({ kind, errors, again }) =>
    [...errors, ...again]
      .filter(({ phase, what }) => !allowed.has(`${phase} ${what}`))
      .map(({ phase, what, count }) => `${kind}, ${phaseNames[phase]}: ${count} × ${what}`),
  );
}

/**
 * Returns the outdated answers that must not occur. They may miss only changes whose invalidation Redis lost,
 * and never for longer than the time to live.
 */
export function forbiddenOld(
  old: readonly OldAnswer[],
  phases: readonly Phase[],
  cacheTtlSeconds: number,
): OldAnswer[] {
  const away = phases.filter(({ fault }) => fault === 'redis');
  return old.filter(
    ({ user, asked, told }) =>
      !mayBeTold(
        user,
        asked,
        told,
        (change) =>
          asked.askedAt - change.by <= cacheTtlSeconds * 1_000 &&
          away.some(({ from, to }) => change.from <= to && change.by >= from),
      ),
  );
}
