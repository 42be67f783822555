import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';

const serverPath = path.resolve(import.meta.dirname, '../../src/server.ts');

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** How long a process may take to end, milliseconds: it gives itself 13 s. */
const endWithinMs = 30_000;

/** How much of what an instance wrote is kept, characters. */
const keptOutput = 100_000;

/** What is answered by the hundred while something is away, and says no more than its status. */
const expected = /"code":"overloaded"|The database cannot be reached/;

/** One place in which a process of the service runs, again and again. */
export class Instance {
  readonly name: string;
  readonly port: number;
  readonly #environment: Record<string, string>;
  #child: ChildProcess | undefined;
  /** The end of what its processes wrote, without what is to be expected. */
  output = '';
  /** How its processes ended that nobody had told to. */
  readonly deaths: string[] = [];
  #told: ChildProcess | undefined;

  constructor(name: string, port: number, environment: Record<string, string>) {
    this.name = name;
    this.port = port;
    this.#environment = environment;
  }

  /** Starts the process; whether it can be used is for /ready to say. */
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
      if (this.#told !== child)
        this.deaths.push(`${this.name} ended by itself: ${signal ?? String(code)}`);
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
   * Sends the process a signal, and resolves when it has ended, at once where it has already: with the
   * signal that ended it, or its exit code. One that takes too long ends by SIGKILL.
   */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<string> {
    const child = this.#child;
    if (child === undefined) return 'never started';
    if (running.has(child)) {
      this.#told = child;
      const exited = once(child, 'exit');
      child.kill(signal);
      const timer = setTimeout(() => child.kill('SIGKILL'), endWithinMs);
      await exited;
      clearTimeout(timer);
    }
    return child.signalCode ?? String(child.exitCode);
  }

  /** @throws Error where a process ended that nobody had told to, with the end of what it wrote. */
  requireAlive(): void {
    const [death] = this.deaths;
    if (death !== undefined) throw new Error(`${death}\n${this.output.slice(-2_000)}`);
  }
}
