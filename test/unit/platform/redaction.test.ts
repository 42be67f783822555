import { describe, expect, it } from 'vitest';
import { newKey } from '../../../src/auth/api-key.ts';
import { describeError, reasonOf, withoutSecrets } from '../../../src/platform/redaction.ts';

describe('a text without secrets', () => {
  it.each([
    ["Stripe's key", 'Invalid API Key: sk_live_51Habc_DEF', 'Invalid API Key: [redacted]'],
    ['a restricted key', 'rk_test_1234,', '[redacted],'],
    [
      'a masked key',
      'Invalid API Key provided: sk_test_****1234',
      'Invalid API Key provided: [redacted]',
    ],
    ['a signing secret', '(whsec_aB3+x)', '([redacted]+x)'],
    ['a key of ours', `key ${newKey().key}!`, 'key [redacted]!'],
    ['a key without a checksum', `key lk_0123abcd_${'z'.repeat(40)}!`, 'key [redacted]!'],
    ['a token', 'GET /eyJhbGciOiJFZERTQSJ9.eyJzdWIi.c2ln-_A?', 'GET /[redacted]?'],
    ['half a token', 'eyJhbGciOiJFZERTQSJ9.eyJzdWIi', '[redacted]'],
    [
      'a signing key',
      'at -----BEGIN PRIVATE KEY-----\nMC4CAQAw+/=\n-----END PRIVATE KEY----- end',
      'at [redacted] end',
    ],
    ['a header', 'authorization: Bearer abc.def', 'authorization: Bearer [redacted]'],
    ['a signature', `t=1,v1=${'ab'.repeat(32)}`, 't=1,[redacted]'],
    ['a password', 'postgresql://me:p%40ss@db:5432/x', 'postgresql://[redacted]@db:5432/x'],
    [
      'a password alone',
      'connect to rediss://:hunter2@cache',
      'connect to rediss://[redacted]@cache',
    ],
    [
      'an address',
      'Key (email)=(ann.o+x@shop.example.com) exists',
      'Key (email)=([redacted]) exists',
    ],
    ['an address of any letters', '"jürgen@bücher.example"', '"[redacted]"'],
  ])('%s', (_name, text, expected) => {
    expect(withoutSecrets(text)).toBe(expected);
  });

  it('is the text itself where there are none', () => {
    const text =
      'connect ECONNREFUSED 127.0.0.1:5432\n    at f (file:///app/node_modules/@fastify/x@1.2.3/a.js:1:2)';
    expect(withoutSecrets(text)).toBe(text);
  });
});

describe('a described error', () => {
  it('says what it is, with its cause, and nothing of what was asked or stored', () => {
    const error = Object.assign(new TypeError('no', { cause: new Error('of ann@example.com') }), {
      code: '23505',
      detail: 'Key (email)=(ann@example.com) already exists.',
      command: { name: 'auth', args: ['hunter2'] },
      raw: { email: 'ann@example.com' },
    });
    const described = describeError(error);
    expect(described).toMatchObject({
      type: 'TypeError',
      message: 'no',
      code: '23505',
      cause: { message: 'of [redacted]' },
    });
    expect(JSON.stringify(described)).not.toMatch(/ann@|hunter2/);
  });

  it('names all of several, ends where causes go in a circle, and takes what is no error', () => {
    const error = new AggregateError([new Error('one'), new Error('two')], 'both');
    error.cause = error;
    expect(describeError(error)).toMatchObject({
      errors: [{ message: 'one' }, { message: 'two' }],
    });
    expect(describeError('Bearer abc')).toEqual({ message: 'Bearer [redacted]' });
  });
});

describe('what an error says to who started a program', () => {
  it('is all that several say, without secrets', () => {
    const error = new AggregateError([
      new Error('connect ECONNREFUSED ::1:5432'),
      new Error('no such host: postgresql://me:hunter2@db/x'),
    ]);
    expect(reasonOf(error)).toBe(
      'connect ECONNREFUSED ::1:5432; no such host: postgresql://[redacted]@db/x',
    );
    expect(reasonOf('Bearer abc')).toBe('Bearer [redacted]');
  });
});
