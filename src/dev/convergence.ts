/*
 * `npm run test:convergence -- --runs 5000 [--seed N] [--shrink]`: the random histories of
 * test/flow/convergence.test.ts, as many as asked for.
 */
import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '300' },
    seed: { type: 'string' },
    shrink: { type: 'boolean', default: false },
  },
});
const wrong = [values.runs, values.seed ?? '0'].find((number) => !/^-?\d+$/.test(number));
if (wrong !== undefined) {
  process.stderr.write(`'${wrong}' is not a number. Usage: --runs 5000 [--seed N] [--shrink]\n`);
  process.exit(2);
}
const vitest = spawn('vitest', ['run', 'test/flow/convergence.test.ts'], {
  stdio: 'inherit',
  env: {
    ...process.env,
    CONVERGENCE_RUNS: values.runs,
    ...(values.seed === undefined ? {} : { CONVERGENCE_SEED: values.seed }),
    ...(values.shrink ? { CONVERGENCE_SHRINK: 'true' } : {}),
  },
});
vitest.on('exit', (code) => process.exit(code ?? 1));
