import { writeFile } from 'node:fs/promises';
import path from 'node:path';

/** Not exported, because shells and other programs use variables with these names for themselves. */
const excluded: ReadonlySet<string> = new Set(['HOST', 'PORT']);

/**
 * Writes a shell file that exports this installation's variables, for `npm run doctor` and for the commands
 * in README.md and docs/. Only its owner can read it.
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

/** Quotes a string as a single shell word. */
export function quoted(text: string): string {
  return /^[\w.,:/@=+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
