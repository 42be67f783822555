import { glob, readFile } from 'node:fs/promises';
import path from 'node:path';
import Stripe from 'stripe';
import { describe, expect, it } from 'vitest';
import { toProblem } from '../../src/http/errors.ts';
import { problems } from '../../src/http/problem-table.ts';
import { problemBody, ProblemError } from '../../src/http/problem.ts';
import { renderErrors } from '../helpers/errors-document.ts';

const repository = path.resolve(import.meta.dirname, '../..');
const source = path.join(repository, 'src');
const tables = ['generated/**', 'http/problem-table.ts', 'http/not-found-problems.ts'];

describe('the table of problems', () => {
  it.each(Object.entries(problems))(
    '%s: a code, a status of an error, a title, a cause and a remedy',
    (code, { status, title, cause, remedy }) => {
      expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/);
      expect(status).toBeGreaterThanOrEqual(400);
      expect(status).toBeLessThan(600);
      expect(title).toMatch(/^[A-Z].*[^.]$/);
      expect(cause).toMatch(/^[A-Z`].*\.$/);
      expect(remedy).toMatch(/^[A-Z`].*\.$/);
    },
  );

  it('has no code that the service never answers with', async () => {
    const unused = new Set<string>(Object.keys(problems));
    for await (const file of glob('**/*.ts', { cwd: source, exclude: tables })) {
      const text = await readFile(path.join(source, file), 'utf8');
      for (const code of unused) if (text.includes(`'${code}'`)) unused.delete(code);
    }
    expect([...unused]).toEqual([]);
  });

  it('is what docs/errors.md says', async () => {
    const file = path.join(repository, 'docs/errors.md');
    await expect(await renderErrors(file)).toMatchFileSnapshot(file);
  });
});

describe('a problem', () => {
  it('says what the table says, unless there is more to say', () => {
    expect(problemBody(new ProblemError('project_exists'), 'r1')).toEqual({
      type: 'urn:latchkey:problem:project_exists',
      title: 'A project with this id exists',
      status: 409,
      code: 'project_exists',
      detail: 'A project with this id exists.',
      request_id: 'r1',
    });
    expect(problemBody(new ProblemError('project_exists', 'Pick another.'), 'r1')).toMatchObject({
      detail: 'Pick another.',
    });
  });
});

function failure(message: string, more: object = {}): Error {
  return Object.assign(new Error(message), more);
}

describe('what an error means', () => {
  it.each([
    ['a refused connection', failure('', { code: 'ECONNREFUSED' })],
    ['a full pool', failure('timeout exceeded when trying to connect')],
    ['a query that does not end', failure('Query read timeout')],
    ['a server that stops', failure('terminating connection', { code: '57P01' })],
    ['Prisma without a server', failure("Can't reach database server", { code: 'P1001' })],
  ])('%s → 503, which may be tried again', (_name, error) => {
    expect(toProblem(error).code).toBe('not_ready');
  });

  it.each([
    ['a statement', failure('canceling statement due to statement timeout', { code: '57014' })],
    [
      'a transaction',
      failure('Transaction API error: A query cannot be executed on an expired transaction.', {
        code: 'P2028',
      }),
    ],
  ])('%s that takes too long → 503, which does not blame the database', (_name, error) => {
    expect(toProblem(error)).toMatchObject({
      code: 'overloaded',
      message: expect.stringContaining('took too long') as unknown,
    });
  });

  it.each<[string, Error]>([
    ['connection', new Stripe.errors.StripeConnectionError({ type: 'api_error' })],
    ['API', new Stripe.errors.StripeAPIError({ type: 'api_error' })],
    ['rate limit', new Stripe.errors.StripeRateLimitError({ type: 'api_error' })],
    ['authentication', new Stripe.errors.StripeAuthenticationError({ type: 'api_error' })],
  ])('a Stripe %s error → 502', (_name, error) => {
    expect(toProblem(error).code).toBe('stripe_unavailable');
  });

  it.each([
    ['a fault of ours', new TypeError('x is not a function')],
    ['a broken statement', failure('syntax error at or near "form"', { code: '42601' })],
    ['what is no error', 'a string'],
    ['a status that is no client’s fault', failure('secret', { statusCode: 503 })],
  ])('%s → 500, and says nothing of it', (_name, error) => {
    const problem = toProblem(error);
    expect(problem.code).toBe('internal_error');
    expect(problem.message).toBe('Something went wrong on our side.');
  });
});
