import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';

const lockShape = z.object({
  packages: z.record(
    z.string(),
    z.object({
      dev: z.boolean().optional(),
      devOptional: z.boolean().optional(),
    }),
  ),
});

const allowedFolders = ['dist', 'node_modules', 'package.json', 'prisma'];

/**
 * Returns what should not be in the image's folder: development packages, programs and stand-ins for
 * developers, sources, files with settings.
 */
export async function strangersIn(app: string, lockPath: string): Promise<string[]> {
  const { packages } = lockShape.parse(JSON.parse(await readFile(lockPath, 'utf8')));
  const unwanted = Object.entries(packages)
    .filter(([, { dev, devOptional }]) => dev === true || devOptional === true)
    .map(([place]) => place);
  const installed = new Set(await packagesIn(app, 'node_modules'));
  const top = await readdir(app);
  const compiled = await readdir(path.join(app, 'dist'));
  return [
    ...unwanted.filter((place) => installed.has(place)),
    ...top.filter((name) => !allowedFolders.includes(name)),
    ...compiled.filter((name) => ['dev', 'sandbox'].includes(name)).map((name) => `dist/${name}`),
  ];
}

/** Returns the packages below a folder, with their paths as in package-lock.json. */
async function packagesIn(app: string, place: string): Promise<string[]> {
  const entries = await readdir(path.join(app, place)).catch(() => []);
  const found = await Promise.all(
    entries
      .filter((name) => !name.startsWith('.'))
      .map(async (name) => {
        const below = `${place}/${name}`;
        if (name.startsWith('@')) return packagesIn(app, below);
        return [below, ...(await packagesIn(app, `${below}/node_modules`))];
      }),
  );
  return found.flat();
}
