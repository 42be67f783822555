import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify, SignJWT } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { buildApp } from '../../src/app.ts';
import { text } from '../helpers/json.ts';
import { requestTo, testStart, type TestService } from '../helpers/service.ts';
import { testSigning } from '../helpers/signing.ts';
import { startTwoProjects } from '../helpers/two-projects.ts';

/* Signed documents, verified by `jose` with the public keys that the service hands out. */

const iso = (instant: number) => new Date(instant).toISOString();
const day = 86_400_000;

let service: TestService;
let notes: { projectId: string; key: string };
let other: { projectId: string; key: string };

type Request = TestService['request'];

beforeAll(async () => {
  ({ service, notes, other } = await startTwoProjects(
    { export: 'boolean', seats: 'limit', theme: 'config' },
    { config: testSigning },
  ));
  for (const body of [
    { user_id: 'u_1', feature_code: 'export' },
    { user_id: 'u_1', feature_code: 'theme', value: { dark: true } },
    { user_id: 'u_ends', feature_code: 'seats', value: 3, valid_to: iso(testStart + 60_000) },
  ]) {
    const made = await service.request('POST', '/admin/grant', {
      key: notes.key,
      body: { reason: 'test', ...body },
    });
    expect(made.status).toBe(201);
  }
});
afterAll(() => service.close());
beforeEach(() => {
  service.clock.set(testStart);
});

const ask = (query: string, key = notes.key, headers: Record<string, string> = {}) =>
  service.request('GET', `/entitlements/document?${query}`, { key, headers });

async function documentOf(query: string, key = notes.key): Promise<string> {
  return text((await ask(query, key)).body, 'document');
}

async function keySet(request: Request = service.request) {
  const { status, body } = await request('GET', '/.well-known/jwks.json');
  expect(status).toBe(200);
  return createLocalJWKSet(body as Parameters<typeof createLocalJWKSet>[0]); // as the contract has it
}

/** Verifies as an app of the project does. */
async function verify(
  document: string,
  keys?: Awaited<ReturnType<typeof keySet>>,
  audience = 'notes',
) {
  const { payload } = await jwtVerify(document, keys ?? (await keySet()), {
    issuer: testSigning.publicUrl,
    audience,
    typ: 'latchkey-entitlements+jwt',
    currentDate: new Date(service.clock.now()),
  });
  return payload;
}

describe('GET /entitlements/document', () => {
  it('says what GET /entitlements says, signed', async () => {
    const { status, body, headers } = await ask('user_id=u_1');
    expect(status).toBe(200);
    expect(headers).toMatchObject({
      'cache-control': 'private, no-store',
      'latchkey-revision': '2',
    });
    const document = text(body, 'document');
    expect(body).toEqual({ document, expires_at: iso(testStart + 300_000) });
    expect(await verify(document)).toEqual({
      iss: 'https://latchkey.example',
      aud: 'notes',
      sub: 'u_1',
      iat: testStart / 1_000,
      exp: testStart / 1_000 + 300,
      jti: expect.stringMatching(/^[\w-]{36}$/) as unknown,
      latchkey: {
        revision: 2,
        entitlements: { export: true, theme: { dark: true } },
        next_change_at: null,
      },
    });
    expect(decodeProtectedHeader(document)).toMatchObject({ alg: 'EdDSA' });
  });

  it('comes from the cache as GET /entitlements does', async () => {
    await ask('user_id=u_cached');
    const read = await service.request('GET', '/entitlements?user_id=u_cached', { key: notes.key });
    expect(read.headers['latchkey-cache']).toBe('hit');
    expect((await ask('user_id=u_cached')).headers['latchkey-cache']).toBe('hit');
  });

  it('is alone where the client prefers `application/jwt`', async () => {
    const { headers, body } = await ask('user_id=u_1', notes.key, { accept: 'application/jwt' });
    expect(headers['content-type']).toBe('application/jwt');
    expect(await verify(String(body))).toMatchObject({ sub: 'u_1' });
    const both = await ask('user_id=u_1', notes.key, { accept: 'application/json, */*' });
    expect(both.headers['content-type']).toMatch(/^application\/json/);
  });

  it('ends with its time to live, to the second', async () => {
    const document = await documentOf('user_id=u_1&ttl_seconds=86400');
    service.clock.advance(day - 1);
    await verify(document);
    service.clock.advance(1);
    await expect(verify(document)).rejects.toThrow('"exp" claim timestamp check failed');
  });

  it('ends at a boundary, to the second, and the next one says what holds then', async () => {
    const { body } = await ask('user_id=u_ends&ttl_seconds=86400');
    expect(text(body, 'expires_at')).toBe(iso(testStart + 60_000));
    service.clock.set(testStart + 59_999);
    expect(await verify(text(body, 'document'))).toMatchObject({
      latchkey: { entitlements: { seats: 3 }, next_change_at: iso(testStart + 60_000) },
    });
    service.clock.set(testStart + 60_000);
    await expect(verify(text(body, 'document'))).rejects.toThrow('"exp"');
    expect(await verify(await documentOf('user_id=u_ends'))).toMatchObject({
      latchkey: { entitlements: {}, next_change_at: null },
    });
  });

  it('shows a revoke that has returned', async () => {
    await documentOf('user_id=u_1');
    await service.request('POST', '/admin/revoke', {
      key: notes.key,
      body: { user_id: 'u_1', feature_code: 'export', reason: 'test' },
    });
    const { latchkey } = await verify(await documentOf('user_id=u_1&min_revision=3'));
    expect(latchkey).toMatchObject({ revision: 3, entitlements: { theme: { dark: true } } });
  });

  it("is of the key's project: an unknown user there has nothing", async () => {
    const payload = await verify(await documentOf('user_id=u_1', other.key), undefined, 'other');
    expect(payload).toMatchObject({ aud: 'other', latchkey: { revision: 0, entitlements: {} } });
  });

  it.each([
    ['user_id', 'ttl_seconds=5'],
    ['ttl_seconds', 'user_id=u_1&ttl_seconds=0'],
    ['ttl_seconds', 'user_id=u_1&ttl_seconds=86401'],
    ['ttl_seconds', 'user_id=u_1&ttl_seconds=1.5'],
    ['ttl_seconds', 'user_id=u_1&ttl_seconds=-1'],
    ['ttl_seconds', 'user_id=u_1&ttl_seconds=1&ttl_seconds=2'],
    ['at', `user_id=u_1&at=${iso(testStart)}`],
  ])('400: names %s in %s', async (name, query) => {
    expect(await ask(query)).toMatchObject({ status: 400, body: { errors: [{ path: name }] } });
  });
});

describe('jose alone refuses', () => {
  const mallory = generateKeyPairSync('ed25519').privateKey;
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claimsIn = (document: string): Record<string, unknown> =>
    JSON.parse(Buffer.from(document.split('.')[1] ?? '', 'base64url').toString()) as Record<
      string,
      unknown
    >; // an object, as every payload

  it.each<[string, (document: string) => string | Promise<string>, string]>([
    [
      'other claims under the same signature',
      (document) => {
        const [header, , signature] = document.split('.');
        return `${header}.${encode({ ...claimsIn(document), sub: 'mallory' })}.${signature}`;
      },
      'signature verification failed',
    ],
    [
      '`alg: none`',
      (document) =>
        `${encode({ alg: 'none', typ: 'latchkey-entitlements+jwt' })}.${document.split('.')[1]}.`,
      'Unsupported "alg"',
    ],
    [
      'the signature of another key under the same name',
      (document) =>
        new SignJWT(claimsIn(document))
          .setProtectedHeader({ ...decodeProtectedHeader(document), alg: 'EdDSA' })
          .sign(mallory),
      'signature verification failed',
    ],
    [
      'a key that the service does not have',
      (document) =>
        new SignJWT(claimsIn(document))
          .setProtectedHeader({ ...decodeProtectedHeader(document), alg: 'EdDSA', kid: 'mine' })
          .sign(mallory),
      'no applicable key found',
    ],
    [
      'a document of another project',
      () => documentOf('user_id=u_1', other.key),
      'unexpected "aud" claim value',
    ],
  ])('%s', async (_name, forge, reason) => {
    const forged = await forge(await documentOf('user_id=u_1'));
    await expect(verify(forged)).rejects.toThrow(reason);
  });
});

describe('the rotation of signing keys', () => {
  const [old, next] = [0, 1].map(() => generateKeyPairSync('ed25519').privateKey);

  async function instanceWith(...signingKeys: (KeyObject | undefined)[]): Promise<Request> {
    const config = {
      ...service.deps.config,
      signingKeys: signingKeys.filter((key) => key !== undefined),
    };
    const app = await buildApp({ ...service.deps, config });
    return requestTo(app);
  }

  it('has no gap: at each step, documents of either instance verify by the keys of either', async () => {
    const steps = [[old], [old, next], [next, old], [next]];
    const instances = await Promise.all(steps.map((keys) => instanceWith(...keys)));
    for (const [step, before] of instances.slice(0, 2).entries()) {
      const after = instances[step + 1] ?? before;
      for (const signer of [before, after]) {
        for (const keys of [before, after]) {
          const { body } = await signer('GET', '/entitlements/document?user_id=u_1', {
            key: notes.key,
          });
          await verify(text(body, 'document'), await keySet(keys));
        }
      }
    }
    // The last step: what the old key signed has expired by then, and the next one signs already.
    const [, , swapped, last] = instances;
    const { body } = (await swapped?.('GET', '/entitlements/document?user_id=u_1', {
      key: notes.key,
    })) ?? { body: null };
    await verify(text(body, 'document'), await keySet(last));
  });

  it('ends what an old key signed once the key is removed', async () => {
    const signer = await instanceWith(old);
    const { body } = await signer('GET', '/entitlements/document?user_id=u_1', { key: notes.key });
    await expect(
      verify(text(body, 'document'), await keySet(await instanceWith(next))),
    ).rejects.toThrow('no applicable key found');
  });
});

describe('GET /.well-known/jwks.json', () => {
  it('is public and may be cached, by pages of any origin too', async () => {
    const { statusCode, headers, body } = await service.app.inject('/.well-known/jwks.json');
    expect(statusCode).toBe(200);
    expect(headers).toMatchObject({
      'cache-control': 'public, max-age=300',
      'access-control-allow-origin': '*',
    });
    expect(body).not.toContain('"d"');
  });

  it('404 `documents_disabled` without SIGNING_KEYS, and so do documents', async () => {
    const config = { ...service.deps.config, signingKeys: [] };
    const app = await buildApp({ ...service.deps, config });
    const jwks = await app.inject('/.well-known/jwks.json');
    const document = await requestTo(app)('GET', '/entitlements/document?user_id=u_1', {
      key: notes.key,
    });
    expect(jwks.json()).toMatchObject({ status: 404, code: 'documents_disabled' });
    expect(document).toMatchObject({ status: 404, body: { code: 'documents_disabled' } });
    await app.close();
  });
});
