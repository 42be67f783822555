import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

/**
 * One bash in which commands run one after the other, so that later ones see the variables of earlier ones.
 */
export class Shell {
  readonly #bash: ChildProcess;
  #output = '';

  constructor(environment: Record<string, string>) {
    this.#bash = spawn('bash', ['--noprofile', '--norc'], {
      env: environment,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    for (const stream of [this.#bash.stdout, this.#bash.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.#output += chunk.toString();
      });
    }
  }

  /** Everything that the commands print. */
  async run(code: string): Promise<string> {
    this.#output = '';
    this.#bash.stdin?.write(`{ ${code}\n} 2>&1; printf '%s' '${end}'\n`);
    while (!this.#output.endsWith(end)) {
      if (this.#bash.stdout === null) throw new Error('bash has no output');
      await once(this.#bash.stdout, 'data');
    }
    return this.#output.slice(0, -end.length);
  }

  async close(): Promise<void> {
    this.#bash.stdin?.end();
    if (this.#bash.exitCode === null) await once(this.#bash, 'exit');
  }
}

const end = '<end of a block>';
