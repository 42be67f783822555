import express, { type Request } from 'express';
import { describe, expectTypeOf, it } from 'vitest';
import { requireFeature } from '../../../src/client/express.ts';
import { type Check, createLatchkey, type Latchkey } from '../../../src/client/index.ts';

/** What `npx latchkey types` writes. */
interface Features {
  export: 'boolean';
  notebooks: 'limit';
  branding: 'config';
}

const options = { url: 'https://latchkey.example.com', key: 'key' };

describe('a client with the features of a catalog', () => {
  const latchkey = createLatchkey<Features>(options);

  it('takes the codes of the catalog, and no other', () => {
    void latchkey.allows('u_42', 'export');
    void latchkey.check('u_42', 'branding');
    // @ts-expect-error: the catalog has no such feature
    void latchkey.allows('u_42', 'exprot');
    // @ts-expect-error: the catalog has no such feature
    void latchkey.check('u_42', 'exprot');
  });

  it('reads only limits as limits', () => {
    expectTypeOf(latchkey.limit('u_42', 'notebooks')).resolves.toBeNumber();
    // @ts-expect-error: a boolean is no limit
    void latchkey.limit('u_42', 'export');
  });

  it('takes fail modes of its features only', () => {
    createLatchkey<Features>({ ...options, onUnavailable: { features: { export: 'allow' } } });
    // @ts-expect-error: the catalog has no such feature
    createLatchkey<Features>({ ...options, onUnavailable: { features: { exprot: 'allow' } } });
  });
});

describe('a client without them', () => {
  it('takes every code', () => {
    const latchkey = createLatchkey(options);
    expectTypeOf(latchkey).toEqualTypeOf<Latchkey>();
    void latchkey.allows('u_42', 'anything');
    void latchkey.limit('u_42', 'anything');
    createLatchkey({ ...options, onUnavailable: { features: { anything: 'deny' } } });
  });
});

describe('requireFeature', () => {
  const latchkey = createLatchkey<Features>(options);
  const user = (request: Request): string | undefined => request.get('x-user');

  it('takes a `user` that may return no id, and the codes of the catalog', () => {
    requireFeature(latchkey, 'export', { user });
    // @ts-expect-error: the catalog has no such feature
    requireFeature(latchkey, 'exprot', { user });
    // @ts-expect-error: an id is text
    requireFeature(latchkey, 'export', { user: () => 42 });
  });

  it('puts the check on the request of Express', () => {
    express().get('/', requireFeature(latchkey, 'export', { user }), (request) => {
      expectTypeOf(request.entitlement).toEqualTypeOf<Check | undefined>();
    });
  });
});
