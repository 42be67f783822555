import { spawn, type ChildProcess } from 'node:child_process';

export interface Child {
  pid: number;
  /** Resolves when the program has ended, for any reason. */
  ended: Promise<void>;
  /** Stops the program, and kills it if it still runs after 10 s. */
  stop(): Promise<void>;
}

export interface ChildOptions {
  command: string;
  args: string[];
  /** The user to run the program as, by default the current one. Only root can choose another. */
  identity?: { uid: number; gid: number } | undefined;
  /** The output that shows that the program is ready. */
  ready: string;
  stopSignal: NodeJS.Signals;
}

const startWaitMs = 30_000;
const stopWaitMs = 10_000;

/** Running programs. They are killed if this process ends without stopping them. */
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/**
 * Starts a program and resolves when it is ready. Rejects with its output if it exits first, or is not ready
 * within 30 s.
 */
export async function startChild(options: ChildOptions): Promise<Child> {
  const child = spawn(options.command, options.args, {
    ...options.identity,
    stdio: ['ignore', 'pipe', 'pipe'],
    // Ctrl-C does not reach a program in its own process group. This process handles Ctrl-C and stops the
    // programs in order.
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
  if (child.pid === undefined)
    throw new Error(`${options.command} was started but has no process id.`);
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
      // Later output is read and discarded, so that the pipe never fills.
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
      fail(`exited before it was ready (${signal ?? `exit code ${String(code)}`})`);
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
