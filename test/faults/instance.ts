import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';

const serverPath = path.resolve(import.meta.dirname, '../../src/server.ts');

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** How long a process may take to stop, milliseconds: it allows itself 13 s. */
const endWithinMs = 30_000;

/** Maximum number of characters of an instance's output to keep. */
const keptOutput = 100_000;

/** Lines that occur by the hundred while a dependency is away, and carry no more than their status. */
const expected = /"code":"overloaded"|The database cannot be reached/;

/** A slot in which a process of the service runs, and is started again. */
export class Instance {
  readonly name: string;
  readonly port: number;
  readonly #environment: Record<string, string>;
  #child: ChildProcess | undefined;
  /** The end of the processes' output, without expected lines. */
  output = '';
  /** How processes ended that were not stopped. */
  readonly deaths: string[] = [];
  #stopped: ChildProcess | undefined;

  constructor(name: string, port: number, environment: Record<string, string>) {
    this.name = name;
    this.port = port;
    this.#environment = environment;
  }

  /** Starts the process; `/ready` shows when it can be used. */
  start(): void {
    const child = spawn(process.execPath, [serverPath], {
      env: {
        PATH: process.env['PATH'] ?? '',
        ...this.#environment,
        PORT: String(this.port),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.add(child);
    child.once('exit', (code, signal) => {
      running.delete(child);
      if (this.#stopped !== child)
        this.deaths.push(`${this.name} ended unexpectedly: ${signal ?? String(code)}`);
    });
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        if (expected.test(line)) return;
        this.output = `${this.output}${line}\n`.slice(-keptOutput);
      });
    }
    this.#child = child;
  }

  /**
   * Sends the process a signal, and resolves with its signal or exit code when it has ended, at once if it
   * already has. A process that takes too long is killed by SIGKILL.
   */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<string> {
    const child = this.#child;
    if (child === undefined) return 'never started';
    if (running.has(child)) {
      this.#stopped = child;
      const exited = once(child, 'exit');
      child.kill(signal);
      const timer = setTimeout(() => child.kill('SIGKILL'), endWithinMs);
      await exited;
      clearTimeout(timer);
    }
    return child.signalCode ?? String(child.exitCode);
  }

  /** @throws Error with the end of the output if a process ended unexpectedly. */
  requireAlive(): void {
    const [death] = this.deaths;
    if (death !== undefined) throw new Error(`${death}\n${this.output.slice(-2_000)}`);
  }
}
