import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';

/** Debian's folder of server programs, which is not on every user's PATH. */
const furtherDirectories = ['/usr/sbin'];

/**
 * Returns the path of a system program, whose package has the same name. As root on Debian it is installed if
 * missing.
 *
 * @throws Error that says how to install it.
 */
export function systemProgram(name: string): string {
  const found = find(name) ?? (install(name) ? find(name) : undefined);
  if (found !== undefined) return found;
  throw new Error(
    `The integration tests need ${name}. Install it (Debian: apt-get install ${name}, macOS: brew install ${name}).`,
  );
}

function find(name: string): string | undefined {
  return [...(process.env['PATH'] ?? '').split(path.delimiter), ...furtherDirectories]
    .map((directory) => path.join(directory, name))
    .find((program) => existsSync(program));
}

function install(name: string): boolean {
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return false;
  process.stderr.write(`There is no ${name} on the PATH. Installing the system’s package …\n`);
  const settings = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  return [
    ['update', '-qq'],
    // Prevents the package from starting its service.
    ['install', '-y', '-qq', '--no-install-recommends', name],
  ].every(
    (args) =>
      spawnSync('/usr/bin/apt-get', args, { stdio: ['ignore', 'ignore', 'inherit'], env: settings })
        .status === 0,
  );
}
