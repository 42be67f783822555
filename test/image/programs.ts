import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';

/** A program that did not end with 0, with the end of what it wrote. */
export class ProgramFailed extends Error {
  readonly output: string;

  constructor(command: string, what: string, output: string) {
    super(`${command} ${what}.\n${output.trimEnd().split('\n').slice(-30).join('\n')}`);
    this.name = 'ProgramFailed';
    this.output = output;
  }
}

/**
 * Runs a program to its end and resolves with what it wrote to standard output.
 *
 * @throws ProgramFailed where it fails, or takes longer than `limitMs`.
 */
export function run(command: string, args: string[], limitMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(
      command,
      args,
      { timeout: limitMs, killSignal: 'SIGKILL', maxBuffer: 64 * 1024 * 1024 },
      (error, stdout, stderr) => {
        if (error === null) {
          resolve(stdout);
          return;
        }
        const shown = [path.basename(command), ...args.slice(0, 6)].join(' ');
        const what = error.killed ? `took more than ${limitMs / 1_000} s` : 'failed';
        reject(new ProgramFailed(shown, what, stdout + stderr || error.message));
      },
    );
  });
}

/** Whether a program is on the PATH. */
function isInstalled(program: string): boolean {
  return (process.env['PATH'] ?? '')
    .split(path.delimiter)
    .some((directory) => existsSync(path.join(directory, program)));
}

/** The system's packages, installed where they are missing and that is possible (root and apt-get). */
export async function installMissing(programs: string[]): Promise<void> {
  const missing = programs.filter((program) => !isInstalled(program));
  if (missing.length === 0) return;
  if (process.getuid?.() !== 0 || !isInstalled('apt-get')) {
    throw new Error(
      `The image check needs ${missing.join(' and ')}. As root on Debian it installs them itself; ` +
        `otherwise: apt-get install ${programs.join(' ')}`,
    );
  }
  await run('apt-get', ['update', '-qq'], 120_000);
  await run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...missing], 300_000);
}

/** A program that runs on while others are asked about it. */
export interface Running {
  /** The process number; undefined where it could not be started. */
  pid: number | undefined;
  /** All that it has written so far. */
  output(): string;
  /** Whether it has ended. */
  hasEnded(): boolean;
  /** Resolves with the exit code once it has ended; null where a signal ended it. */
  exitCode: Promise<number | null>;
}

export function startProgram(command: string, args: string[]): Running {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const keep = (chunk: Buffer) => {
    output += chunk.toString();
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  let hasEnded = false;
  const exitCode = new Promise<number | null>((resolve) => {
    const end = (code: number | null) => {
      hasEnded = true;
      resolve(code);
    };
    child.once('close', end);
    child.once('error', (error) => {
      output += error.message;
      end(null);
    });
  });
  return { pid: child.pid, output: () => output, hasEnded: () => hasEnded, exitCode };
}
