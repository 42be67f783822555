import { execFile } from 'node:child_process';
import { mkdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startPostgres } from '../../src/dev/postgres.ts';
import { Started } from '../../src/dev/started.ts';
import { temporaryDirectory } from '../../src/dev/temporary.ts';
import { openDatabase } from '../../src/platform/database.ts';
import { applyMigrations } from '../../src/platform/migrate.ts';
import { inspectPostgres } from '../../src/platform/postgres-server.ts';
import { systemProgram } from '../setup/system-program.ts';

/* A PostgreSQL that takes connections over TLS, with a certificate of a private authority. */

const run = promisify(execFile);
const started = new Started();
let certificate: string;
let url: URL;

beforeAll(async () => {
  const directory = await temporaryDirectory('tls', started);
  const dataDirectory = path.join(directory, 'postgres');
  // The cluster's owner has to own the key, so the cluster is made first.
  await (await startPostgres({ dataDirectory, persistent: true })).stop();
  const { uid, gid } = await stat(dataDirectory);
  const secrets = path.join(directory, 'tls');
  await mkdir(secrets);
  certificate = path.join(secrets, 'server.pem');
  const key = path.join(secrets, 'server.key');
  await run(systemProgram('openssl'), [
    ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost'],
    ...['-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', certificate],
  ]);
  await run('chmod', ['600', key]);
  await run('chown', [`${uid}:${gid}`, key]);
  const postgres = await startPostgres({
    dataDirectory,
    persistent: false,
    settings: { ssl: 'on', ssl_cert_file: certificate, ssl_key_file: key, fsync: 'off' },
  });
  started.add(() => postgres.stop());
  url = new URL(postgres.url('postgres'));
}, 120_000);
afterAll(() => started.stop());

function withTls(mode: string, host = 'localhost', authority?: string): string {
  const address = new URL(url);
  address.hostname = host;
  address.searchParams.set('sslmode', mode);
  if (authority !== undefined) address.searchParams.set('sslrootcert', authority);
  return address.href;
}

describe('DATABASE_URL with sslmode=verify-full and sslrootcert', { timeout: 120_000 }, () => {
  it('migrates and asks the database over TLS', async () => {
    const address = withTls('verify-full', 'localhost', certificate);
    expect(await inspectPostgres(address)).toMatchObject({ tls: true });
    expect((await applyMigrations(address)).length).toBeGreaterThan(0);
    const database = openDatabase(address, () => undefined);
    const own = `select ssl from pg_stat_ssl where pid = pg_backend_pid()`;
    try {
      expect((await database.pool.query(own)).rows).toEqual([{ ssl: true }]);
      expect(await database.prisma.$queryRawUnsafe(own)).toEqual([{ ssl: true }]);
    } finally {
      await database.close();
    }
  });

  it('refuses a certificate of an unknown authority, and one of another host', async () => {
    await expect(inspectPostgres(withTls('verify-full'))).rejects.toThrow(
      /database localhost:\d+\/postgres: self-signed certificate.*add sslrootcert/,
    );
    await expect(inspectPostgres(withTls('verify-full', '127.0.0.1', certificate))).rejects.toThrow(
      /database 127\.0\.0\.1:\d+\/postgres: .*altnames/,
    );
    await expect(
      inspectPostgres(withTls('verify-full', 'localhost', '/none/ca.pem')),
    ).rejects.toThrow(/database localhost:\d+\/postgres: .*\/none\/ca\.pem.*sslrootcert/);
  });
});

it('sslmode=no-verify encrypts without looking at the certificate', async () => {
  expect(await inspectPostgres(withTls('no-verify'))).toMatchObject({ tls: true });
});
