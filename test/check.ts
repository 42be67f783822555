/*
 * The program behind `npm run check`: runs all checks that a change must pass. A failing step shows its
 * output and does not stop the rest. The tests come last, with full output.
 */
import { runScript } from './helpers/script.ts';

const steps = ['lint', 'typecheck', 'migrate:check'];

const failed: string[] = [];
for (const step of steps) {
  const startedAt = performance.now();
  const { passed, output } = await runScript(step);
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
  process.stdout.write(`${passed ? 'passed' : 'FAILED'}  ${step}, ${seconds} s\n`);
  if (passed) continue;
  failed.push(step);
  process.stdout.write(`\n${output.trimEnd()}\n\n`);
}
const tests = await runScript('test', { shown: true });
if (!tests.passed) failed.push('test');
if (failed.length > 0) {
  process.stderr.write(`FAILED: ${failed.join(', ')}\n`);
  process.exitCode = 1;
}
