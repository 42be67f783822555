import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';

/** Thrown for a program that exits with another code than 0, with the end of its output. */
export class ProgramFailed extends Error {
  readonly output: string;

  constructor(command: string, what: string, output: string) {
    super(`${command} ${what}.\n${output.trimEnd().split('\n').slice(-30).join('\n')}`);
    this.name = 'ProgramFailed';
    this.output = output;
  }
}

/**
 * Runs a program to its end and resolves with its standard output.
 *
 * @throws ProgramFailed if it fails, or takes longer than `limitMs`.
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

/** Returns whether a program is on the PATH. */
function isInstalled(program: string): boolean {
  return (process.env['PATH'] ?? '')
    .split(path.delimiter)
    .some((directory) => existsSync(path.join(directory, program)));
}

/** Requires the system's packages, and installs missing ones if possible (root and apt-get). */
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

/** A program that keeps running. */
export interface Running {
  /** The process number; undefined if it could not be started. */
  pid: number | undefined;
  /** Its output so far. */
  output(): string;
  /** Whether it has ended. */
  hasEnded(): boolean;
  /** Resolves with the exit code once it has ended; null if a signal ended it. */
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
