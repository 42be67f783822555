/*
 * `npm run test:convergence -- --runs 5000 [--seed N] [--shrink]`: runs any number of the random histories of
 * test/flow/convergence.test.ts. They run in batches, each in its own process with its own database and seed,
 * so that the cost per history stays constant and progress is visible.
 */
import { randomInt } from 'node:crypto';
import { parseArgs, stripVTControlCharacters } from 'node:util';
import { runProgram } from '../../helpers/script.ts';
import { Started } from '../../../src/dev/started.ts';

/** Maximum number of histories in a batch, which takes some minutes. */
const batchSize = 250;

/** The largest seed that fast-check accepts. */
const maxSeed = 2 ** 31 - 1;

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '300' },
    seed: { type: 'string' },
    shrink: { type: 'boolean', default: false },
  },
});

/**
 * Parses a number.
 *
 * @throws Error if the text is not a whole number from `min` to `max`.
 */
function wholeNumber(name: string, text: string, min: number, max: number): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= min && number <= max) return number;
  throw new Error(
    `--${name} ${text}: a whole number from ${min} to ${max}.\n` +
      'Usage: npm run test:convergence -- --runs 5000 [--seed N] [--shrink]',
  );
}

/** Runs a batch of histories. Prints the tests' output if they fail. */
async function runBatch(runs: number, seed: number, started: Started): Promise<boolean> {
  const reporters = ['--reporter=verbose', '--reporter=./test/setup/totals.ts'];
  const { passed, output } = await runProgram(
    'vitest',
    ['run', 'test/flow/convergence.test.ts', ...reporters],
    {
      started,
      environment: {
        CONVERGENCE_RUNS: String(runs),
        CONVERGENCE_SEED: String(seed),
        ...(values.shrink ? { CONVERGENCE_SHRINK: 'true' } : {}),
      },
    },
  );
  // A skipped test, or one with another count, proves nothing.
  const plain = stripVTControlCharacters(output);
  const didAll =
    new RegExp(`\\b${runs} random histories`).test(plain) && /^1 passed, 0 failed$/m.test(plain);
  if (!(passed && didAll) && !started.stopping) process.stdout.write(output);
  return passed && didAll;
}

async function main(started: Started): Promise<number> {
  const runs = wholeNumber('runs', values.runs, 1, 1_000_000);
  const batches = Math.ceil(runs / batchSize);
  const firstSeed = wholeNumber(
    'seed',
    values.seed ?? String(randomInt(maxSeed - batches)),
    0,
    maxSeed - batches,
  );
  const startedAt = performance.now();
  for (let batch = 0; batch < batches; batch += 1) {
    const size = Math.min(batchSize, runs - batch * batchSize);
    const seed = firstSeed + batch;
    const passed = await runBatch(size, seed, started);
    if (started.stopping) return 1;
    if (!passed) {
      process.stderr.write(
        `FAILED. To repeat: npm run test:convergence -- --runs ${size} --seed ${seed}\n`,
      );
      return 1;
    }
    const minutes = ((performance.now() - startedAt) / 60_000).toFixed(1);
    const done = batch * batchSize + size;
    process.stdout.write(`${done} of ${runs} histories passed, ${minutes} min (seed ${seed})\n`);
  }
  return 0;
}

const started = new Started();
started.endOnSignal();
try {
  process.exitCode = await main(started);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
