import { spawnSync } from 'node:child_process';
import { findRedisServer } from '../../src/dev/redis.ts';

/**
 * The `redis-server` to start: the one on the PATH, else the system's package, installed here where
 * that is possible (root, and a system with apt-get); else an error that says what to do.
 */
export function redisServer(): string {
  const found = findRedisServer() ?? installed();
  if (found !== undefined) return found;
  throw new Error(
    'The integration tests need Redis, and there is no redis-server on the PATH. Install it ' +
      '(Debian: apt-get install redis-server, macOS: brew install redis), or set REDIS_URL.',
  );
}

function installed(): string | undefined {
  if (process.getuid?.() !== 0) return undefined;
  process.stderr.write('There is no redis-server on the PATH. Installing the system’s package …\n');
  for (const args of [
    ['update', '-qq'],
    ['install', '-y', '-qq', '--no-install-recommends', 'redis-server'],
  ]) {
    const { status } = spawnSync('/usr/bin/apt-get', args, {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    });
    if (status !== 0) return undefined;
  }
  return findRedisServer();
}
