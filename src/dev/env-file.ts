import { writeFile } from 'node:fs/promises';
import path from 'node:path';

/** Not exported, because shells use `HOST` themselves. */
const excluded: ReadonlySet<string> = new Set(['HOST', 'PORT']);

/**
 * Writes a file for the shell with the variables of this installation, which `npm run doctor` and the
 * commands in README.md and docs/ use. Only its owner may read it.
 *
 * @returns the file's path.
 */
export async function writeEnvFile(
  home: string,
  variables: Readonly<Record<string, string>>,
): Promise<string> {
  const file = path.join(home, 'env');
  const lines = Object.entries(variables)
    .filter(([name]) => !excluded.has(name))
    .map(([name, value]) => `export ${name}=${quoted(value)}\n`);
  await writeFile(file, lines.join(''), { mode: 0o600 });
  return file;
}

/** Quotes a text as one word of a shell. */
export function quoted(text: string): string {
  return /^[\w.,:/@=+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
