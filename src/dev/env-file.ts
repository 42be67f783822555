import { writeFile } from 'node:fs/promises';
import path from 'node:path';

/** Where the service listens is its own affair; shells use `HOST` for themselves. */
const left: ReadonlySet<string> = new Set(['HOST', 'PORT']);

/**
 * Writes what the commands of README.md and docs/ need to reach this installation, and what
 * `npm run doctor` needs to check it, as a file that a shell reads. Only its owner may read the file.
 *
 * @returns the file's path.
 */
export async function writeEnvFile(
  home: string,
  variables: Readonly<Record<string, string>>,
): Promise<string> {
  const file = path.join(home, 'env');
  const lines = Object.entries(variables)
    .filter(([name]) => !left.has(name))
    .map(([name, value]) => `export ${name}=${quoted(value)}\n`);
  await writeFile(file, lines.join(''), { mode: 0o600 });
  return file;
}

/** Returns a text as one word of a shell. */
export function quoted(text: string): string {
  return /^[\w.,:/@=+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
