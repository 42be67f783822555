/* What `npm run evidence` runs, and what it reads from what each step wrote; pure. */

interface StepRule {
  /** The script of package.json. */
  script: string;
  /** What it came to, from what it wrote; empty where passing says it all. */
  countsIn: (output: string) => string;
}

const totals = /^\d+ passed, \d+ failed(?:, \d+ skipped)?$/gm;

/** In the order in which they run: what takes long comes last. */
export const stepRules = {
  lint: { script: 'lint', countsIn: () => '' },
  typecheck: { script: 'typecheck', countsIn: () => '' },
  demo: {
    script: 'demo',
    countsIn: (output) => /All (\d+ steps) went right/.exec(withoutColors(output))?.[1] ?? '',
  },
  test: {
    script: 'test',
    countsIn: (output) => withoutColors(output).match(totals)?.at(-1) ?? '',
  },
  image: {
    script: 'image:check',
    countsIn: (output) => {
      const checks = withoutColors(output).match(/^\s*✓ /gm)?.length ?? 0;
      return checks === 0 ? '' : `${checks} checks`;
    },
  },
  bench: { script: 'bench', countsIn: () => '' },
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

/** Text as a person reads it, without the terminal's colors. */
function withoutColors(text: string): string {
  return text.replaceAll(new RegExp(`${String.fromCodePoint(27)}\\[[\\d;]*m`, 'g'), '');
}
