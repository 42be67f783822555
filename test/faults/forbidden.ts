import { type KindFigures, phaseNames } from './figures.ts';
import { mayBeTold, type OldAnswer } from './oracle.ts';
import type { Phase } from './plan.ts';

/* What must not be in a run; pure. */

/**
 * The errors that must not be. While Postgres is away, a 503 is right. What the killed instance was at
 * is cut off: no service can answer that. Everything else is a fault, also where another instance
 * answered and nobody noticed: one that is told to stop ends what it is at, and the others lose nothing.
 *
 * @param killed the name of the instance that was killed.
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
 * Old answers that must not be. Only what was changed while Redis could not be told may be missing in
 * them, and never for longer than the time to live; everything else that was done has to show.
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
