import { existsSync } from 'node:fs';
import path from 'node:path';
import { startChild } from './child.ts';
import { freePort } from './ports.ts';

export interface RunningRedis {
  url: string;
  stop(): Promise<void>;
}

/** The `redis-server` on the PATH, or undefined. No npm package brings one. */
export function findRedisServer(): string | undefined {
  return (process.env['PATH'] ?? '')
    .split(path.delimiter)
    .map((directory) => path.join(directory, 'redis-server'))
    .find((program) => existsSync(program));
}

/** Starts a Redis of our own on a free port of the loopback; it keeps nothing on disk. */
export async function startRedis(program: string): Promise<RunningRedis> {
  const port = await freePort();
  const server = await startChild({
    command: program,
    args: [
      ...['--port', String(port), '--bind', '127.0.0.1'],
      ...['--save', '', '--appendonly', 'no', '--daemonize', 'no'],
    ],
    ready: 'Ready to accept connections',
    stopSignal: 'SIGTERM',
  });
  return { url: `redis://127.0.0.1:${port}`, stop: () => server.stop() };
}
