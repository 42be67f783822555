import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { createLocalJWKSet, jwtVerify, SignJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import { createSigning, type Signing } from '../../../src/signing/signing.ts';

const publicUrl = 'https://latchkey.example';
const user = 'latchkey-user+jwt';
const document = 'latchkey-entitlements+jwt';

function newKey() {
  return generateKeyPairSync('ed25519').privateKey;
}

function signingWith(...signingKeys: ReturnType<typeof newKey>[]): Signing {
  return createSigning({ signingKeys, publicUrl }) ?? expect.fail('no signing');
}

describe('a signing key', () => {
  it('is named by its thumbprint: the example of RFC 8037', () => {
    const key = createPrivateKey({
      format: 'jwk',
      key: {
        kty: 'OKP',
        crv: 'Ed25519',
        d: 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A',
        x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
      },
    });
    expect(signingWith(key).publicKeys).toEqual([
      {
        kty: 'OKP',
        crv: 'Ed25519',
        x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
        kid: 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k',
        alg: 'EdDSA',
        use: 'sig',
      },
    ]);
  });

  it('is not needed: without one, nothing is signed', () => {
    expect(createSigning({ signingKeys: [], publicUrl })).toBeNull();
  });
});

describe('what is signed', () => {
  it('is what the public keys verify, whatever the claims hold', async () => {
    const signing = signingWith(newKey());
    const claims = { sub: 'ünïcode "user"\u2028\\', deep: { list: [1, null] } };
    const token = signing.sign(user, JSON.stringify(claims));
    const { payload } = await jwtVerify(
      token,
      createLocalJWKSet({ keys: [...signing.publicKeys] }),
      { typ: user },
    );
    expect(payload).toEqual(claims);
    expect(JSON.parse(signing.verify(user, token) ?? '')).toEqual(claims);
  });

  it('verifies under every key, and is signed by the first', () => {
    const [old, next] = [newKey(), newKey()];
    const before = signingWith(old);
    const after = signingWith(next, old);
    expect(after.verify(user, before.sign(user, '{"by":"old"}'))).toBe('{"by":"old"}');
    expect(before.verify(user, after.sign(user, '{"by":"next"}'))).toBeNull();
    expect(signingWith(next).verify(user, before.sign(user, '{}'))).toBeNull();
  });
});

describe('verify', () => {
  const key = newKey();
  const signing = signingWith(key);
  const [{ kid } = { kid: '' }] = signing.publicKeys;
  const token = signing.sign(user, '{"sub":"u_1"}');
  const [header = '', payload = '', signature = ''] = token.split('.');
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signedAs = (more: object, by = key) =>
    new SignJWT({ sub: 'u_1' }).setProtectedHeader({ alg: 'EdDSA', ...more }).sign(by);

  it('takes exactly what it signed', async () => {
    expect(signing.verify(user, token)).toBe('{"sub":"u_1"}');
    expect(await signedAs({ typ: user, kid })).toBe(token);
  });

  it.each<[string, () => string | Promise<string>]>([
    ['another type', () => signing.sign(document, '{"sub":"u_1"}')],
    ['other claims', () => `${header}.${encode({ sub: 'u_2' })}.${signature}`],
    ['no signature', () => `${header}.${payload}.`],
    ['two parts', () => `${header}.${payload}`],
    ['four parts', () => `${token}.`],
    ['no text', () => ''],
    ['a signature in another spelling', () => `${header}.${payload}.${signature}=`],
    ['`alg: none`', () => `${encode({ alg: 'none', typ: user, kid })}.${payload}.`],
    ['`alg: HS256`', () => `${encode({ alg: 'HS256', typ: user, kid })}.${payload}.${signature}`],
    ["another's key", () => signedAs({ typ: user, kid }, newKey())],
    ["another's key by its own name", () => signingWith(newKey()).sign(user, '{"sub":"u_1"}')],
    ['no type', () => signedAs({ kid })],
    ['no key id', () => signedAs({ typ: user })],
    ['a key in the header', () => signedAs({ typ: user, kid, jwk: signing.publicKeys[0] })],
  ])('refuses %s', async (_name, make) => {
    expect(signing.verify(user, await make())).toBeNull();
  });
});
