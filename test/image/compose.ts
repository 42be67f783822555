import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ProgramFailed, run } from './programs.ts';

/**
 * Checks docker-compose.yml with Compose itself, which needs no engine for it: the file is valid with every
 * required variable set, and each missing one is named.
 */
export async function checkCompose(repository: string): Promise<void> {
  const file = path.join(repository, 'docker-compose.yml');
  const proxy = path.join(repository, 'docs/compose/proxy.yml');
  const text = await readFile(file, 'utf8');
  const required = [...new Set([...text.matchAll(/\$\{(\w+):\?/g)].map(([, name = '']) => name))];
  if (required.length === 0) throw new Error(`${file} requires no variable.`);
  await composeConfig([file], required);
  await composeConfig([file, proxy], [...required, 'LATCHKEY_HOST']);
  for (const missing of required) {
    const given = required.filter((name) => name !== missing);
    const failure: unknown = await composeConfig([file], given).catch((error: unknown) => error);
    if (!(failure instanceof ProgramFailed) || !failure.output.includes(missing)) {
      throw new Error(`docker-compose.yml does not require ${missing}, or does not name it.`);
    }
  }
}

async function composeConfig(files: string[], variables: string[]): Promise<void> {
  const directory = await mkdtemp(path.join(tmpdir(), 'latchkey-compose-'));
  try {
    const environmentFile = path.join(directory, 'env');
    await writeFile(environmentFile, variables.map((name) => `${name}=given\n`).join(''));
    await run(
      'env',
      [
        // Clears the variables of this shell, so that only the file's count.
        ...['-i', `PATH=${process.env['PATH'] ?? ''}`, `HOME=${directory}`],
        ...['docker-compose', '--env-file', environmentFile],
        ...files.flatMap((file) => ['--file', file]),
        ...['config', '--quiet'],
      ],
      60_000,
    );
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
