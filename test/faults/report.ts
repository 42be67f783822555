import type { Served } from './balancer.ts';
import type { Crowd } from './crowd.ts';
import { figuresOf, phaseNames, table } from './figures.ts';
import { forbiddenErrors, forbiddenOld } from './forbidden.ts';
import type { OldAnswer } from './oracle.ts';
import type { Phase } from './plan.ts';
import { missing } from './substance.ts';
import type { FinalAnswers, InboxVerdict, WordsVerdict } from './verdict.ts';

export interface Outcome {
  served: readonly Served[];
  phases: readonly Phase[];
  crowd: Pick<Crowd, 'done' | 'judged' | 'old' | 'wrong'>;
  inbox: InboxVerdict;
  words: WordsVerdict;
  /** The answers to every user after the run. */
  inTheEnd: FinalAnswers;
  /** The name of the killed instance. */
  killed: string;
  cacheTtlSeconds: number;
}

/** Maximum number of faults of a kind that are listed in full. */
const shown = 10;

/** Returns the results of a run for people, and what was wrong. Pure. */
export function report(outcome: Outcome): { text: string; faults: string[] } {
  const { served, phases, crowd, inbox, words, inTheEnd, killed, cacheTtlSeconds } = outcome;
  const figures = figuresOf(served, phases);
  const tooOld = forbiddenOld(crowd.old, phases, cacheTtlSeconds);
  const faults = [
    ...forbiddenErrors(figures, killed).map((each) => `forbidden error: ${each}`),
    ...crowd.wrong,
    ...tooOld.map(
      ({ user, lagMs }) => `${user.id} got an answer that was outdated by ${Math.round(lagMs)} ms`,
    ),
    ...inbox.lost.map((id) => `${id} was acknowledged and is lost`),
    ...inbox.unprocessed.map((id) => `${id} is not processed`),
    ...inbox.repeated.map((id) => `${id} is in the inbox more than once`),
    ...inTheEnd.wrong,
    ...missing({ served, phases, ...crowd, acknowledged: inbox.acknowledged }).map(
      (what) => `the run proves nothing: ${what}`,
    ),
  ];
  if (inbox.undelivered > 0) faults.push(`${inbox.undelivered} events were never delivered`);
  if (inTheEnd.asked === 0) faults.push('no user was read after the run');
  if (words.recorded < words.acknowledged) faults.push("operators' actions are not recorded");
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
    `Answers judged by the oracle: ${crowd.judged}. Outdated ones: ${oldText(crowd.old)}.`,
    `Events acknowledged: ${inbox.acknowledged}; in the inbox: ${inbox.inInbox}; lost: ${inbox.lost.length}; not processed: ${inbox.unprocessed.length}.`,
    `Operators' actions acknowledged: ${words.acknowledged}; recorded: ${words.recorded} (an action that was cut off may be recorded twice).`,
    `Answers after the run, to every user from every instance, as usual and straight from Postgres: ${inTheEnd.asked}; wrong: ${inTheEnd.wrong.length}.`,
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
