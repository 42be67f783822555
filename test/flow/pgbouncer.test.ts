import { chmod, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, describe, expect, inject, it } from 'vitest';
import { startChild } from '../../src/dev/child.ts';
import { freePort } from '../../src/dev/ports.ts';
import { Started } from '../../src/dev/started.ts';
import { temporaryDirectory } from '../../src/dev/temporary.ts';
import { inspectPostgres } from '../../src/platform/postgres-server.ts';
import { systemProgram } from '../setup/system-program.ts';

/* A PgBouncer in front of the tests' PostgreSQL. */

const started = new Started();
afterAll(() => started.stop());

/** A PgBouncer that hands sessions round by `mode`; resolves with the database's URL behind it. */
async function startPooler(mode: 'session' | 'transaction'): Promise<string> {
  const directory = await temporaryDirectory('pgbouncer', started);
  const server = new URL(inject('databaseUrl'));
  const port = await freePort();
  const users = path.join(directory, 'users.txt');
  const settings = path.join(directory, 'pgbouncer.ini');
  await writeFile(users, `"${server.username}" "${server.password}"\n`);
  await writeFile(
    settings,
    `[databases]
* = host=${server.hostname} port=${server.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${users}
pool_mode = ${mode}
ignore_startup_parameters = statement_timeout,options
`,
  );
  // It refuses to run as root, and the user that it runs as has to read this.
  await chmod(directory, 0o755);
  const identity = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : undefined;
  const pooler = await startChild({
    command: systemProgram('pgbouncer'),
    args: [settings],
    identity,
    ready: 'process up',
    stopSignal: 'SIGINT',
  });
  started.add(() => pooler.stop());
  server.port = String(port);
  return server.href;
}

describe('a database behind PgBouncer', { timeout: 180_000 }, () => {
  it('is refused where transactions share sessions', async () => {
    await expect(inspectPostgres(await startPooler('transaction'))).rejects.toThrow(
      /a pooler gives each transaction a different session.*pool_mode = session/,
    );
  });

  it('is taken where each connection has a session of its own', async () => {
    expect((await inspectPostgres(await startPooler('session'))).version).toMatch(/^\d+\.\d+$/);
  });
});
