/** One thing of a section: commands with what they should answer, or something that a test does there. */
export type Step =
  | { kind: 'run'; code: string; expected: { language: string; text: string } | null }
  | { kind: 'act'; name: string };

export interface Section {
  heading: string;
  steps: Step[];
}

const part =
  /^## (?<heading>.*)$|^<!-- test: (?<act>.*) -->$|^```bash\n(?<code>[^]*?)\n```$(?:\n\n```(?<language>json|text)\n(?<text>[^]*?)\n```$)?/gm;

/** The sections of a runbook: each `bash` block with the `json` or `text` block right below it. */
export function readRunbook(markdown: string): Section[] {
  const sections: Section[] = [];
  for (const { groups = {} } of markdown.matchAll(part)) {
    const { heading, act, code, language, text } = groups;
    const steps = sections.at(-1)?.steps;
    if (heading !== undefined) sections.push({ heading, steps: [] });
    else if (act !== undefined) steps?.push({ kind: 'act', name: act });
    else if (code !== undefined) {
      const expected = language === undefined || text === undefined ? null : { language, text };
      steps?.push({ kind: 'run', code, expected });
    }
  }
  return sections;
}

/** The commands of README.md's first steps, a line each. */
export function firstSteps(readme: string): string[] {
  const [, block = ''] =
    /^### First steps as an operator\n[^]*?\n```bash\n([^]*?)\n```$/m.exec(readme) ?? [];
  return block.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}
