import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Started } from './started.ts';

export interface Ran {
  passed: boolean;
  /** What it wrote, standard output and errors as they came; empty where it was shown instead. */
  output: string;
  /** The standard output alone. */
  stdout: string;
}

export interface RunOptions {
  /** What it writes is passed on, not kept. */
  shown?: boolean;
  /** Added to the environment of this process. */
  environment?: Record<string, string>;
  /** Where given, the program and all that it started ends with what else was started. */
  started?: Started;
}

/** How long a program that is told to end may take to clean up, milliseconds. */
const endWithinMs = 20_000;

/** Runs one of package.json's scripts to its end. */
export function runScript(name: string, options?: RunOptions): Promise<Ran> {
  return runProgram('npm', ['run', '--silent', name], options);
}

/** Runs a program from the PATH to its end; one that cannot be started has not passed. */
export function runProgram(
  command: string,
  args: readonly string[],
  { shown = false, environment = {}, started }: RunOptions = {},
): Promise<Ran> {
  const child = spawn(command, args, {
    stdio: shown ? 'inherit' : ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
    // A process group of its own, which can be told to end as a whole: npm does not pass it on to all.
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

/** Ends a program and all that it started, by force where it does not do so in time. */
async function endGroup(child: ChildProcess): Promise<void> {
  const { pid } = child;
  if (pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, 'close');
  process.kill(-pid, 'SIGTERM');
  const timer = setTimeout(() => process.kill(-pid, 'SIGKILL'), endWithinMs);
  await closed;
  clearTimeout(timer);
}
