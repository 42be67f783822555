import { spawn } from 'node:child_process';

export interface Ran {
  passed: boolean;
  /** What it wrote, standard output and errors as they came; empty where it was shown instead. */
  output: string;
}

export interface ScriptOptions {
  args?: string[];
  /** What it writes is passed on, not kept. */
  shown?: boolean;
}

/** Runs one of package.json's scripts to its end. */
export function runScript(name: string, options: ScriptOptions = {}): Promise<Ran> {
  const { args = [], shown = false } = options;
  return new Promise((resolve) => {
    const child = spawn('npm', ['run', '--silent', name, '--', ...args], {
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
