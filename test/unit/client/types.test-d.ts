import express, { type Request } from 'express';
import { describe, expectTypeOf, it } from 'vitest';
import { consumeFeature, requireFeature } from '../../../src/client/express.ts';
import {
  type Check,
  type Consumption,
  createLatchkey,
  type Hold,
  type Latchkey,
  type Usage,
} from '../../../src/client/index.ts';

/** What `npx latchkey types` writes. */
interface Features {
  export: 'boolean';
  notebooks: 'limit';
  branding: 'config';
  credits: 'metered';
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

  it('counts only metered features', () => {
    expectTypeOf(latchkey.consume('u_42', 'credits', 3)).resolves.toEqualTypeOf<Consumption>();
    expectTypeOf(
      latchkey.hold('u_42', 'credits', 20, { expiresInSeconds: 60 }),
    ).resolves.toEqualTypeOf<Hold>();
    expectTypeOf(latchkey.usage('u_42', { feature: 'credits' })).resolves.toEqualTypeOf<Usage[]>();
    const use = { userId: 'u_42', idempotencyKey: 'job_1' };
    void latchkey.consumeBatch([{ ...use, feature: 'credits' }]);
    void latchkey.check('u_42', 'credits', { amount: 3 });
    // @ts-expect-error: a boolean is not metered
    void latchkey.consume('u_42', 'export');
    // @ts-expect-error: a limit is not metered
    void latchkey.consume('u_42', 'notebooks', 3);
    // @ts-expect-error: the catalog has no such feature
    void latchkey.consume('u_42', 'credit');
    // @ts-expect-error: a limit is not metered
    void latchkey.hold('u_42', 'notebooks', 20, { expiresInSeconds: 60 });
    // @ts-expect-error: a config is not metered
    void latchkey.usage('u_42', { feature: 'branding' });
    // @ts-expect-error: a boolean is not metered
    void latchkey.consumeBatch([{ ...use, feature: 'export' }]);
    // @ts-expect-error: a batch that is sent again counts twice without keys
    void latchkey.consumeBatch([{ userId: 'u_42', feature: 'credits' }]);
    // @ts-expect-error: a metered feature is no limit
    void latchkey.limit('u_42', 'credits');
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
    void latchkey.consume('u_42', 'anything');
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

describe('consumeFeature', () => {
  const latchkey = createLatchkey<Features>(options);
  const user = (request: Request): string | undefined => request.get('x-user');

  it('takes metered features only', () => {
    consumeFeature(latchkey, 'credits', 3, { user });
    consumeFeature(latchkey, 'credits', (request) => Number(request.get('x-pages')), { user });
    // @ts-expect-error: a boolean is not metered
    consumeFeature(latchkey, 'export', 3, { user });
  });

  it('puts the units on the request of Express', () => {
    const middleware = consumeFeature(latchkey, 'credits', 3, { user });
    express().post('/', middleware, (request) => {
      expectTypeOf(request.consumption).toEqualTypeOf<Consumption | undefined>();
      expectTypeOf(request.hold).toEqualTypeOf<Hold | undefined>();
    });
  });
});
