import { existsSync } from 'node:fs';
import path from 'node:path';
import { startChild } from './child.ts';
import { freePort } from './ports.ts';

export interface RunningRedis {
  url: string;
  stop(): Promise<void>;
}

/** Returns the path of `redis-server`, or undefined if it is not on the PATH. No npm package provides it. */
export function findRedisServer(): string | undefined {
  return (process.env['PATH'] ?? '')
    .split(path.delimiter)
    .map((directory) => path.join(directory, 'redis-server'))
    .find((program) => existsSync(program));
}

export interface RedisOptions {
  /** The port. Defaults to any free one. */
  port?: number;
  /** The folder that keeps the data across restarts. By default, nothing is saved. */
  directory?: string;
}

/** Starts a private Redis on the loopback interface. */
export async function startRedis(
  program: string,
  { port: wanted, directory }: RedisOptions = {},
): Promise<RunningRedis> {
  const port = wanted ?? (await freePort());
  // With any `--save` rule, Redis also saves when it stops.
  const persistence =
    directory === undefined ? ['--save', ''] : ['--dir', directory, '--save', '3600 1'];
  const server = await startChild({
    command: program,
    args: [
      ...['--port', String(port), '--bind', '127.0.0.1'],
      ...persistence,
      ...['--maxmemory-policy', 'allkeys-lru'],
      ...['--appendonly', 'no', '--daemonize', 'no'],
    ],
    ready: 'Ready to accept connections',
    stopSignal: 'SIGTERM',
  });
  return { url: `redis://127.0.0.1:${port}`, stop: () => server.stop() };
}
