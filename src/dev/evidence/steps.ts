import { stripVTControlCharacters } from 'node:util';
import type { Ran } from '../script.ts';
import { judgeAudit } from './audit.ts';
import type { Judged } from './outcome.ts';

/* What `npm run evidence` runs, and what it reads from what each step wrote; pure. */

interface StepRule {
  /** What is told to npm, as a person would type it. */
  typed: readonly string[];
  /** What is told to npm besides, so that what it writes can be read. */
  flags: readonly string[];
  judge: (ran: Ran) => Judged;
}

/**
 * A step that is one of package.json's scripts. Where what it came to can be counted, one that ends well
 * and does not say so has failed: nobody knows what it did.
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
      if (counts === undefined)
        return { outcome: 'failed', counts: 'does not say what it came to' };
      return { outcome: 'passed', counts };
    },
  };
}

const totals = /^\d+ passed, \d+ failed(?:, \d+ skipped)?$/gm;

/** In the order in which they run: what takes long comes last. */
export const stepRules = {
  lint: script('lint'),
  typecheck: script('typecheck'),
  migrations: script('migrate:check', (output) => /\((\d+ migrations)\)/.exec(output)?.[1]),
  audit: {
    typed: ['audit', '--omit=dev'],
    // Told to stay offline by a setting, npm would find nothing, and not say that it asked nobody.
    flags: ['--json', '--offline=false'],
    judge: ({ stdout }) => judgeAudit(stdout),
  },
  demo: script('demo', (output) => /All (\d+ steps) went right/.exec(output)?.[1]),
  test: script('test', (output) => output.match(totals)?.at(-1)),
  image: script('image:check', (output) => {
    const checks = output.match(/^\s*✓ /gm)?.length ?? 0;
    return checks === 0 ? undefined : `${checks} checks`;
  }),
  bench: script('bench'),
} satisfies Record<string, StepRule>;

export type StepName = keyof typeof stepRules;

export const stepNames = Object.keys(stepRules) as StepName[]; // what was just written down

/** The steps asked for, in the order in which they run; null where one is not known. */
export function chosenSteps(only: string | undefined): StepName[] | null {
  if (only === undefined) return stepNames;
  const wanted = only.split(',').map((name) => name.trim());
  const known: readonly string[] = stepNames;
  if (wanted.some((name) => !known.includes(name))) return null;
  return stepNames.filter((name) => wanted.includes(name));
}
