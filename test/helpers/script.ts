import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Started } from '../../src/dev/started.ts';

export interface RunResult {
  passed: boolean;
  /** Standard output and standard error, interleaved; empty if they were shown instead. */
  output: string;
  /** Standard output alone. */
  stdout: string;
}

export interface RunOptions {
  /** Shows the output instead of returning it. */
  shown?: boolean;
  /** Added to the environment of this process. */
  environment?: Record<string, string>;
  /** If given, the program and its children are stopped with everything else. */
  started?: Started;
}

/** Maximum time for a stopped program to clean up, milliseconds. */
const maxStopMs = 20_000;

/** Runs one of package.json's scripts to its end. */
export function runScript(name: string, options?: RunOptions): Promise<RunResult> {
  return runProgram('npm', ['run', '--silent', name], options);
}

/** Runs a program from the PATH to its end. A program that cannot be started counts as failed. */
export function runProgram(
  command: string,
  args: readonly string[],
  { shown = false, environment = {}, started }: RunOptions = {},
): Promise<RunResult> {
  const child = spawn(command, args, {
    stdio: shown ? 'inherit' : ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
    // A separate process group, which can be signalled as a whole: npm does not forward signals to all
    // children.
    detached: started !== undefined,
  });
  started?.add(() => endGroup(child));
  let output = '';
  let stdout = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  return new Promise((resolve) => {
    child.once('error', (error) => {
      resolve({ passed: false, output: error.message, stdout: '' });
    });
    child.once('close', (code) => {
      resolve({ passed: code === 0, output, stdout });
    });
  });
}

/** Stops a program and its children, and kills them after a time-out. */
async function endGroup(child: ChildProcess): Promise<void> {
  const { pid } = child;
  if (pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, 'close');
  process.kill(-pid, 'SIGTERM');
  const timer = setTimeout(() => process.kill(-pid, 'SIGKILL'), maxStopMs);
  await closed;
  clearTimeout(timer);
}
