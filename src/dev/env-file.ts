import { writeFile } from 'node:fs/promises';
import path from 'node:path';

/** Left out, because shells use `HOST` for themselves. */
const left: ReadonlySet<string> = new Set(['HOST', 'PORT']);

/**
 * Writes a file for the shell with the variables that the commands of README.md and docs/, and `npm run
 * doctor`, need for this installation. Only its owner may read it.
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

/** Quotes a text as one word of a shell. */
export function quoted(text: string): string {
  return /^[\w.,:/@=+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
