import { spawn, type ChildProcess } from 'node:child_process';

export interface Child {
  pid: number;
  /** Resolves when the program has ended, for whatever reason. */
  ended: Promise<void>;
  /** Asks the program to end, and makes it end if it has not done so within 10 s. */
  stop(): Promise<void>;
}

export interface ChildOptions {
  command: string;
  args: string[];
  /** A different user for the program; only root may choose one. */
  identity?: { uid: number; gid: number } | undefined;
  /** What the program writes once it can be used. */
  ready: string;
  stopSignal: NodeJS.Signals;
}

const startWaitMs = 30_000;
const stopWaitMs = 10_000;

/** Programs that run now. Should this process end without stopping them, they are killed with it. */
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/**
 * Starts a program and resolves once it says that it is ready; rejects with what it wrote where it
 * ends before that, or says nothing for 30 s.
 */
export async function startChild(options: ChildOptions): Promise<Child> {
  const child = spawn(options.command, options.args, {
    ...options.identity,
    stdio: ['ignore', 'pipe', 'pipe'],
    // Its own process group: Ctrl-C in the terminal reaches us alone, and we end things in order.
    detached: true,
  });
  running.add(child);
  const ended = new Promise<void>((resolve) => {
    const end = () => {
      running.delete(child);
      resolve();
    };
    child.once('close', end);
    child.once('error', end);
  });
  const stop = () => stopChild(child, ended, options.stopSignal);
  try {
    await becomeReady(child, options);
  } catch (error) {
    await stop();
    throw error;
  }
  if (child.pid === undefined) throw new Error(`${options.command} has no process id`);
  return { pid: child.pid, ended, stop };
}

function becomeReady(child: ChildProcess, { command, ready }: ChildOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    let output = '';
    const fail = (what: string) => {
      clearTimeout(timer);
      reject(new Error(`${command} ${what}.\n${output.trimEnd()}`));
    };
    const timer = setTimeout(() => {
      fail(`was not ready within ${startWaitMs / 1_000} s`);
    }, startWaitMs);
    const read = (chunk: Buffer) => {
      // Once ready, the output is still read, so that the pipe never fills, and dropped.
      if (timer.hasRef()) output += chunk.toString();
      if (!output.includes(ready)) return;
      clearTimeout(timer);
      timer.unref();
      resolve();
    };
    child.stdout?.on('data', read);
    child.stderr?.on('data', read);
    child.once('error', (error) => {
      fail(`cannot be started: ${error.message}`);
    });
    child.once('close', (code, signal) => {
      fail(`ended at once (${signal ?? `exit code ${String(code)}`})`);
    });
  });
}

async function stopChild(
  child: ChildProcess,
  ended: Promise<void>,
  signal: NodeJS.Signals,
): Promise<void> {
  if (!running.has(child)) return;
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), stopWaitMs);
  await ended;
  clearTimeout(timer);
}
