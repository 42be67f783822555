/*
 * The program behind `npm run check`: all that a change has to pass. What fails shows what it wrote,
 * what passes is one line; one failure does not hide the next. The tests come last, and in full.
 */
import { spawn } from 'node:child_process';

const steps = ['lint', 'typecheck', 'migrate:check'];

interface Ran {
  passed: boolean;
  output: string;
}

/** Runs one of package.json's scripts to its end. `shown`: what it writes is passed on, not kept. */
function runScript(name: string, shown = false): Promise<Ran> {
  return new Promise((resolve) => {
    const child = spawn('npm', ['run', '--silent', name], {
      stdio: shown ? 'inherit' : ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const keep = (chunk: Buffer) => {
      output += chunk.toString();
    };
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
    child.once('error', (error) => {
      resolve({ passed: false, output: error.message });
    });
    child.once('close', (code) => {
      resolve({ passed: code === 0, output });
    });
  });
}

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
const tests = await runScript('test', true);
if (!tests.passed) failed.push('test');
if (failed.length > 0) {
  process.stderr.write(`FAILED: ${failed.join(', ')}\n`);
  process.exitCode = 1;
}
