import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';

const repository = path.resolve(import.meta.dirname, '../..');

/** Returns the existing paths that a source file names relative to itself. */
function pathsNamedIn(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  const named = [
    ...text.matchAll(/import\.meta\.dirname,\s*'([^']+)'/g),
    ...text.matchAll(/new URL\(\s*'([^']+)',\s*import\.meta\.url\s*\)/g),
  ];
  return named.map(([, relative = '']) => path.resolve(path.dirname(file), relative));
}

it('every path that a program names from its own place is in the repository, wherever the program moved', () => {
  const files = globSync('{src,test}/**/*.ts', { cwd: repository });
  const named = files.flatMap((file) =>
    pathsNamedIn(path.join(repository, file)).map((target) => ({ file, target })),
  );
  const lost = named.filter(
    ({ target }) => path.relative(repository, target).startsWith('..') || !existsSync(target),
  );

  expect(named.length).toBeGreaterThan(20);
  expect(lost).toEqual([]);
});
