import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { secretSettings } from '../../src/config.ts';
import { environmentSchema } from '../../src/environment.ts';
import { eventTypes } from '../../src/webhook/core/events.ts';

const repository = path.resolve(import.meta.dirname, '../..');
const readme = readFileSync(path.join(repository, 'README.md'), 'utf8');

const packageShape = z.object({ scripts: z.record(z.string(), z.string()) });

/** The text from one heading to the next. */
function section(heading: string): string {
  const from = readme.indexOf(`\n${heading}\n`);
  const text = readme.slice(from + heading.length + 2);
  return text.slice(0, text.search(/^#+ /m));
}

describe('README.md', () => {
  it('lists exactly the handled events', () => {
    const block = /```\n([^`]*)```/.exec(section('### The events to select'))?.[1] ?? '';

    expect(block.trim().split('\n')).toEqual(eventTypes);
  });

  it('has a row for every setting', () => {
    const cells = [...section('### Settings').matchAll(/^\| ([^|]*) \|/gm)];
    const names = cells.flatMap(([, cell = '']) => cell.match(/[A-Z][A-Z_]+/g) ?? []);

    expect(names.sort()).toEqual(Object.keys(environmentSchema.shape).sort());
  });

  it('names every secret that may lie in a file', () => {
    const text = section('### Settings');

    expect(secretSettings.filter((name) => !text.includes(`\`${name}_FILE\``))).toEqual([]);
  });

  it('names only npm scripts that exist', () => {
    const text = readFileSync(path.join(repository, 'package.json'), 'utf8');
    const { scripts } = packageShape.parse(JSON.parse(text));
    const named = [...readme.matchAll(/npm run ([a-z:]+)/g)].map(([, name = '']) => name);

    expect(named.filter((name) => scripts[name] === undefined)).toEqual([]);
  });
});

it.each(['SECURITY.md', 'docs/push.md'])('%s names only tests that exist', (document) => {
  const text = readFileSync(path.join(repository, document), 'utf8');
  const named = [...text.matchAll(/`(test\/[^`]+\.ts)`/g)].map(([, name = '']) => name);

  expect(named).not.toEqual([]);
  expect(named.filter((name) => !existsSync(path.join(repository, name)))).toEqual([]);
});

it('no command of the documents gives access until a date that will have passed', () => {
  const documents = ['README.md', 'docs/recipes.md', 'docs/operations.md'];
  const commands = documents
    .map((document) => readFileSync(path.join(repository, document), 'utf8'))
    .flatMap((text) =>
      [...text.matchAll(/^```bash\n([^]*?)\n```$/gm)].map(([, code = '']) => code),
    );

  expect(commands.length).toBeGreaterThan(50);
  expect(commands.filter((code) => /"valid_to": *"\d/.test(code))).toEqual([]);
});
