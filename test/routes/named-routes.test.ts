import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestService, type TestService } from '../helpers/service.ts';
import { loadContract } from './contract/document.ts';

const repository = path.resolve(import.meta.dirname, '../..');

/** Everything that names a route: error messages, schemas and comments in `src`, and the documents. */
const texts = globSync(['src/**/*.ts', 'docs/**/*.md', 'README.md', 'CONTRIBUTING.md'], {
  cwd: repository,
  exclude: ['src/generated/**'],
});

/** Method and path; Stripe's own routes and the sandbox's commands are not ours. */
const route = /\b(GET|POST|PUT|PATCH|DELETE) (\/(?!v1\/|_sandbox\/)[^\s`'"),.:;?|\]]*)/g;

let service: TestService;
let existing: Set<string>;

beforeAll(async () => {
  service = await startTestService();
  existing = new Set((await loadContract(service)).map(({ name }) => name));
});
afterAll(() => service.close());

describe('a route that a message, schema, comment or document names', () => {
  it('exists: a caller who follows the message does not meet a 404', () => {
    const named = texts.flatMap((file) =>
      [...readFileSync(path.join(repository, file), 'utf8').matchAll(route)].map(
        ([text, method = '', at = '']) => ({ file, text, full: `${method} /api/v1${at}` }),
      ),
    );
    expect(
      named.filter(({ file }) => file.startsWith('src/http/not-found')).length,
    ).toBeGreaterThan(10);
    const unknown = named.filter(({ text, full }) => !existing.has(text) && !existing.has(full));
    expect(unknown.map(({ file, text }) => `${file}: ${text}`)).toEqual([]);
  });
});
