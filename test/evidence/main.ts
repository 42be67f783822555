/*
 * The program behind `npm run evidence`: runs all steps, even after a failure, and writes docs/evidence.md.
 * Exits with 1 if a step failed. An unavailable step is not a failure; the page marks it as proving nothing.
 */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import * as prettier from 'prettier';
import { runProgram } from '../helpers/script.ts';
import { Started } from '../../src/dev/started.ts';
import { temporaryDirectory } from '../../src/dev/temporary.ts';
import {
  type BenchRow,
  benchShape,
  type Evidence,
  evidencePage,
  type StepResult,
} from './document.ts';
import { loadFacts, loadState } from './facts.ts';
import { chosenSteps, type StepName, stepNames, stepRules } from './steps.ts';

const usage = `npm run evidence -- [options]
  --only NAME,NAME   of: ${stepNames.join(', ')}; the page is then only shown, and not written
`;

const pagePath = path.resolve(import.meta.dirname, '../../docs/evidence.md');

/** Runs a step, and shows its output if it did not pass. */
async function runStep(name: StepName, args: string[], started: Started): Promise<StepResult> {
  const { typed, flags, judge } = stepRules[name];
  const startedAt = performance.now();
  process.stdout.write(`${name} …`);
  const after = args.length === 0 ? [] : ['--', ...args];
  const result = await runProgram('npm', [...typed, ...flags, ...after], { started });
  if (started.stopping) throw new Error(`${name} was interrupted`);
  const judged = judge(result);
  const seconds = (performance.now() - startedAt) / 1_000;
  const word = judged.outcome === 'failed' ? 'FAILED' : judged.outcome;
  process.stdout.write(` ${word}, ${seconds.toFixed(0)} s\n`);
  if (judged.outcome !== 'passed') process.stdout.write(`\n${result.output.trimEnd()}\n\n`);
  return { ...judged, command: `npm ${typed.join(' ')}`, seconds };
}

/** Returns the bench's results, or null if they cannot be parsed. */
async function loadBench(file: string): Promise<BenchRow[] | null> {
  try {
    return benchShape.parse(JSON.parse(await readFile(file, 'utf8'))).rows;
  } catch {
    return null;
  }
}

async function main(chosen: readonly StepName[], started: Started): Promise<Evidence> {
  const startedAt = Date.now();
  const facts = await loadFacts();
  const benchFile = path.join(await temporaryDirectory('evidence', started), 'bench.json');
  const steps: StepResult[] = [];
  let bench: BenchRow[] | null = null;
  for (const name of chosen) {
    const step = await runStep(name, name === 'bench' ? ['--out', benchFile] : [], started);
    if (name === 'bench') bench = await loadBench(benchFile);
    const isEmpty = name === 'bench' && bench === null;
    steps.push(isEmpty ? { ...step, outcome: 'failed', counts: 'no figures' } : step);
  }
  // The steps take half an hour, so the files may have changed since the start.
  const { commit, changed } = await loadState();
  return {
    ...{ startedAt, ...facts, steps, bench },
    changed: facts.changed || changed || commit !== facts.commit,
  };
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
    if (evidence.steps.some(({ outcome }) => outcome === 'failed')) process.exitCode = 1;
  } catch (error) {
    process.exitCode = 1;
    // A run that Ctrl-C interrupted needs no message.
    if (!started.stopping) console.error(error);
  } finally {
    await started.stop();
  }
}
