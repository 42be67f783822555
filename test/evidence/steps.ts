import { stripVTControlCharacters } from 'node:util';
import type { RunResult } from '../helpers/script.ts';
import { judgeAudit } from './audit.ts';
import type { StepOutcome } from './audit.ts';

/* The steps of `npm run evidence`, and how their output is parsed. Pure. */

interface StepRule {
  /** The arguments for npm, as typed on the command line. */
  typed: readonly string[];
  /** Further arguments, which make the output readable by a program. */
  flags: readonly string[];
  judge: (result: RunResult) => StepOutcome;
}

/**
 * Returns a step that runs one of package.json's scripts. If it reports a count, a successful exit without the
 * count is a failure, because it is unknown what ran.
 */
function script(
  name: string,
  countsIn: (output: string) => string | undefined = () => '',
): StepRule {
  return {
    typed: name === 'test' ? ['test'] : ['run', name],
    flags: ['--silent'],
    judge({ passed, output }) {
      const counts = countsIn(stripVTControlCharacters(output));
      if (!passed) return { outcome: 'failed', counts: counts ?? '' };
      if (counts === undefined) return { outcome: 'failed', counts: 'does not report its result' };
      return { outcome: 'passed', counts };
    },
  };
}

const totals = /^\d+ passed, \d+ failed(?:, \d+ skipped)?$/gm;

/** In order of execution: slow steps come last. */
export const stepRules = {
  lint: script('lint'),
  typecheck: script('typecheck'),
  migrations: script('migrate:check', (output) => /\((\d+ migrations)\)/.exec(output)?.[1]),
  audit: {
    typed: ['audit', '--omit=dev'],
    // An npm that a setting keeps offline would find nothing, and not report that it is offline.
    flags: ['--json', '--offline=false'],
    judge: ({ stdout }) => judgeAudit(stdout),
  },
  demo: script('demo', (output) => /All (\d+ steps) passed/.exec(output)?.[1]),
  test: script('test', (output) => output.match(totals)?.at(-1)),
  image: script('image:check', (output) => {
    const checks = output.match(/^\s*✓ /gm)?.length ?? 0;
    return checks === 0 ? undefined : `${checks} checks`;
  }),
  bench: script('bench'),
} satisfies Record<string, StepRule>;

export type StepName = keyof typeof stepRules;

export const stepNames = Object.keys(stepRules) as StepName[]; // Object.keys returns string[]

/** Returns the requested steps in order of execution; null if one is unknown. */
export function chosenSteps(only: string | undefined): StepName[] | null {
  if (only === undefined) return stepNames;
  const wanted = only.split(',').map((name) => name.trim());
  const known: readonly string[] = stepNames;
  if (wanted.some((name) => !known.includes(name))) return null;
  return stepNames.filter((name) => wanted.includes(name));
}
