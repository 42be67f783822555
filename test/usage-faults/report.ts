import type { Spent } from './spend.ts';

/** The most faults that are listed in full. */
const shown = 10;

/** Returns the results of a run for people. */
export function report({
  spent: { answers, retried, doubled, seconds },
  phases,
  wrong,
}: {
  spent: Spent;
  phases: readonly string[];
  wrong: readonly string[];
}): string {
  const denied = [...answers.values()].filter(({ allowed }) => !allowed).length;
  const rate = Math.round(answers.size / seconds);
  return [
    '',
    `Acknowledged: ${answers.size} consumes in ${seconds.toFixed(0)} s (${rate}/s), of which ${denied} were denied.`,
    `Sent again after an error: ${retried}. Sent twice at once: ${doubled}. Repeated at the end: ${answers.size}.`,
    ...phases,
    '',
    ...(wrong.length === 0
      ? ['Passed: each consume was counted once, and no user used more than was granted.']
      : [`Failed: ${wrong.length} faults.`, ...wrong.slice(0, shown)]),
  ].join('\n');
}
