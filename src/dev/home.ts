import { createHash, randomBytes } from 'node:crypto';
import { statSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { newSigningKey } from '../signing/new-signing-key.ts';

const checkout = path.resolve(import.meta.dirname, '../..');

/**
 * Returns the data folder of `npm run dev`: `.latchkey/` in the checkout. If this process is root, PostgreSQL
 * runs as another user; if other users cannot enter the checkout, the folder is in the temporary directory.
 */
export function homeDirectory(): string {
  if (process.getuid?.() !== 0 || isOpenToAll(checkout)) {
    return path.join(checkout, '.latchkey');
  }
  const name = createHash('sha256').update(checkout).digest('hex').slice(0, 12);
  return path.join(tmpdir(), `latchkey-dev-${name}`);
}

/** Thrown if another running process uses the data folder. */
export class HomeLocked extends Error {
  override readonly name = 'HomeLocked';
}

/**
 * Locks the data folder for this process until the returned function is called.
 *
 * @throws HomeLocked
 */
export async function lockHome(home: string): Promise<() => Promise<void>> {
  const pidPath = path.join(home, 'dev.pid');
  const pid = Number(await readFile(pidPath, 'utf8').catch(() => '0'));
  if (pid > 0 && isRunning(pid)) {
    throw new HomeLocked(
      `\`npm run dev\` is already running as process ${pid} with the data in ${home}. ` +
        `Stop it first or, if that process is another program, delete ${pidPath}.`,
    );
  }
  await mkdir(home, { recursive: true });
  await writeFile(pidPath, String(process.pid));
  return () => rm(pidPath, { force: true });
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Deletes the data of earlier runs. */
export async function emptyHome(home: string): Promise<void> {
  const kept = (await readdir(home)).filter((name) => name !== 'dev.pid');
  await Promise.all(
    kept.map((name) => rm(path.join(home, name), { recursive: true, force: true })),
  );
}

function isOpenToAll(directory: string): boolean {
  const mayEnter = (statSync(directory).mode & 0o001) !== 0;
  const parent = path.dirname(directory);
  return mayEnter && (parent === directory || isOpenToAll(parent));
}

function randomSecret(): string {
  return randomBytes(24).toString('base64url');
}

const secretsSchema = z.object({
  adminKey: z.string(),
  stripeKey: z.string(),
  webhookSecret: z.string(),
  /** Missing in folders from earlier releases. */
  metricsToken: z.string().default(randomSecret),
  /** Signs documents and user tokens. Missing in folders from earlier releases. */
  signingKey: z.string().default(newSigningKey),
  /** The seeded project's key, or null until it exists. */
  projectKey: z.string().nullable(),
});

export type Secrets = z.infer<typeof secretsSchema>;

/** Returns random keys for a new development installation. */
export function newSecrets(): Secrets {
  return {
    adminKey: `dev_admin_${randomSecret()}`,
    stripeKey: `sk_test_${randomBytes(24).toString('hex')}`,
    webhookSecret: `whsec_${randomSecret()}`,
    metricsToken: randomSecret(),
    signingKey: newSigningKey(),
    projectKey: null,
  };
}

/** Loads the secrets from the data folder, or generates them on the first start. */
export async function loadSecrets(home: string): Promise<Secrets> {
  const text = await readFile(secretsPath(home), 'utf8').catch(() => null);
  if (text !== null) return secretsSchema.parse(JSON.parse(text));
  const secrets = newSecrets();
  await saveSecrets(home, secrets);
  return secrets;
}

/** Stores the secrets in the data folder, readable only by the owner. */
export async function saveSecrets(home: string, secrets: Secrets): Promise<void> {
  await mkdir(home, { recursive: true });
  await writeFile(secretsPath(home), JSON.stringify(secrets, null, 2), { mode: 0o600 });
}

function secretsPath(home: string): string {
  return path.join(home, 'secrets.json');
}
