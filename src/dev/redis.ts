import { existsSync } from 'node:fs';
import path from 'node:path';
import { Redis } from 'ioredis';
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

export interface RedisOptions {
  /** Absent: any free port. */
  port?: number;
  /** Where it writes what it holds when it stops, and finds it at the next start. Absent: nothing is kept. */
  directory?: string;
}

/** Starts a Redis of our own on the loopback. */
export async function startRedis(
  program: string,
  { port: wanted, directory }: RedisOptions = {},
): Promise<RunningRedis> {
  const port = wanted ?? (await freePort());
  // Where there is any rule of when to save, it saves when it is told to stop, too.
  const keeping =
    directory === undefined ? ['--save', ''] : ['--dir', directory, '--save', '3600 1'];
  const server = await startChild({
    command: program,
    args: [
      ...['--port', String(port), '--bind', '127.0.0.1'],
      ...keeping,
      ...['--maxmemory-policy', 'allkeys-lru'],
      ...['--appendonly', 'no', '--daemonize', 'no'],
    ],
    ready: 'Ready to accept connections',
    stopSignal: 'SIGTERM',
  });
  return { url: `redis://127.0.0.1:${port}`, stop: () => server.stop() };
}

/** How many keys a Redis holds. */
export async function countKeys(url: string): Promise<number> {
  const redis = new Redis(url, { maxRetriesPerRequest: 3 });
  try {
    return await redis.dbsize();
  } finally {
    redis.disconnect();
  }
}
