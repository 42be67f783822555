import { figuresOf, forbiddenErrors, forbiddenOld, phaseNames, table } from './figures.ts';
import type { Served } from './balancer.ts';
import type { Phase } from './plan.ts';
import type { Crowd, OldAnswer } from './crowd.ts';
import type { InboxVerdict } from './verdict.ts';

export interface Outcome {
  served: readonly Served[];
  phases: readonly Phase[];
  crowd: Pick<Crowd, 'done' | 'judged' | 'old' | 'wrong'>;
  inbox: InboxVerdict;
  /** Who is told what is not so, after everything. */
  wrongInTheEnd: readonly string[];
  /** How many answers that was asked of. */
  asked: number;
  cacheTtlSeconds: number;
}

/** How many faults of a kind are told in full. */
const shown = 10;

/** What a run came to, for people, and what was wrong in it; pure. */
export function report(outcome: Outcome): { text: string; faults: string[] } {
  const { served, phases, crowd, inbox, wrongInTheEnd, cacheTtlSeconds } = outcome;
  const figures = figuresOf(served, phases);
  const tooOld = forbiddenOld(crowd.old, phases, cacheTtlSeconds);
  const faults = [
    ...forbiddenErrors(figures).map((each) => `an error that must not be: ${each}`),
    ...crowd.wrong,
    ...tooOld.map(
      ({ user, lagMs }) => `${user} was told what was over for ${Math.round(lagMs)} ms`,
    ),
    ...inbox.lost.map((id) => `${id} was acknowledged and is lost`),
    ...inbox.unprocessed.map((id) => `${id} is not processed`),
    ...wrongInTheEnd,
  ];
  if (inbox.undelivered > 0) faults.push(`${inbox.undelivered} events were never taken`);
  const doneText = [...crowd.done].map(([kind, count]) => `${count} ${kind}`).join(', ');
  const lines = [
    '',
    table(figures),
    '',
    ...phases.map(
      ({ fault, from, to }) => `${phaseNames[fault]}: ${((to - from) / 1_000).toFixed(1)} s`,
    ),
    '',
    `Done: ${doneText}.`,
    `Answers judged by the oracle: ${crowd.judged}. Old ones: ${oldText(crowd.old)}.`,
    `Events acknowledged: ${inbox.acknowledged}; in the inbox: ${inbox.inInbox}; lost: ${inbox.lost.length}; not processed: ${inbox.unprocessed.length}.`,
    `Answers after everything, of every user from every instance, cached and from Postgres: ${outcome.asked}; wrong: ${wrongInTheEnd.length}.`,
    '',
    faults.length === 0 ? 'Nothing was wrong.' : `WRONG (${faults.length}):`,
    ...faults.slice(0, shown).map((fault) => `  ${fault}`),
    ...(faults.length > shown ? [`  … and ${faults.length - shown} more`] : []),
  ];
  return { text: lines.join('\n'), faults };
}

function oldText(old: readonly OldAnswer[]): string {
  if (old.length === 0) return 'none';
  const longest = Math.max(...old.map(({ lagMs }) => lagMs));
  return `${old.length}, by up to ${(longest / 1_000).toFixed(2)} s`;
}
