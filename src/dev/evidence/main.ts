/*
 * The program behind `npm run evidence`: runs what shows that the repository does what it says, each
 * step to its end even if one before it failed, and writes docs/evidence.md.
 */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import * as prettier from 'prettier';
import { z } from 'zod';
import { runScript } from '../script.ts';
import { Started } from '../started.ts';
import { temporaryDirectory } from '../temporary.ts';
import { type BenchRow, type Evidence, evidencePage, type StepResult } from './document.ts';
import { loadFacts } from './facts.ts';
import { chosenSteps, type StepName, stepNames, stepRules } from './steps.ts';

const usage = `npm run evidence -- [options]
  --only NAME,NAME   of: ${stepNames.join(', ')}; the page is then only shown, and not written
`;

const pagePath = path.resolve(import.meta.dirname, '../../../docs/evidence.md');

const figuresShape = z.object({
  requestsPerSecond: z.number(),
  p50Ms: z.number(),
  p99Ms: z.number(),
  errors: z.number(),
});
const benchShape = z.object({
  rows: z.array(
    z.object({
      name: z.string(),
      floorName: z.string(),
      service: figuresShape,
      floor: figuresShape,
      ratios: z.object({ throughput: z.number(), p99: z.number() }),
      target: z.number().nullable(),
    }),
  ),
});

/** Runs a step, and shows what it wrote where it failed. */
async function runStep(name: StepName, args: string[]): Promise<StepResult> {
  const { script, countsIn } = stepRules[name];
  const startedAt = performance.now();
  process.stdout.write(`${name} …`);
  const { passed, output } = await runScript(script, { args });
  const seconds = (performance.now() - startedAt) / 1_000;
  process.stdout.write(` ${passed ? 'passed' : 'FAILED'}, ${seconds.toFixed(0)} s\n`);
  if (!passed) process.stdout.write(`\n${output.trimEnd()}\n\n`);
  const command = script === 'test' ? 'npm test' : `npm run ${script}`;
  return { command, passed, seconds, counts: countsIn(output) };
}

/** What the bench wrote, null where it wrote nothing. */
async function loadBench(file: string): Promise<BenchRow[] | null> {
  const text = await readFile(file, 'utf8').catch(() => null);
  return text === null ? null : benchShape.parse(JSON.parse(text)).rows;
}

async function main(chosen: readonly StepName[], started: Started): Promise<Evidence> {
  const startedAt = Date.now();
  const facts = await loadFacts();
  const benchFile = path.join(await temporaryDirectory('evidence', started), 'bench.json');
  const steps: StepResult[] = [];
  for (const name of chosen) {
    steps.push(await runStep(name, name === 'bench' ? ['--out', benchFile] : []));
  }
  return { startedAt, ...facts, steps, bench: await loadBench(benchFile) };
}

const { values: given } = parseArgs({
  options: { only: { type: 'string' }, help: { type: 'boolean', default: false } },
});
const chosen = chosenSteps(given.only);
if (given.help) {
  console.log(usage);
} else if (chosen === null) {
  console.error(usage);
  process.exitCode = 2;
} else {
  const started = new Started();
  started.endOnSignal();
  try {
    const evidence = await main(chosen, started);
    const settings = await prettier.resolveConfig(pagePath);
    const page = await prettier.format(evidencePage(evidence), { ...settings, filepath: pagePath });
    if (given.only === undefined) await writeFile(pagePath, page);
    else process.stdout.write(`\n${page}`);
    if (evidence.steps.some(({ passed }) => !passed)) process.exitCode = 1;
  } finally {
    await started.stop();
  }
}
