import { createPublicKey, hash, type KeyObject, sign, verify } from 'node:crypto';
import { ProblemError } from '../http/problem.ts';

/** What is signed. The type is part of the signed header, so that one cannot pass for the other. */
type SignedType = 'latchkey-entitlements+jwt' | 'latchkey-user+jwt';

/** A public Ed25519 key (RFC 8037). */
interface PublicJwk {
  kty: 'OKP';
  crv: 'Ed25519';
  x: string;
  kid: string;
  alg: 'EdDSA';
  use: 'sig';
}

/** Signs JSON as compact JWS (RFC 7515) by Ed25519, and verifies it. */
export interface Signing {
  /** The `iss` of everything signed. */
  readonly issuer: string;
  readonly publicKeys: readonly PublicJwk[];
  /** @param claims serialized JSON. */
  sign(type: SignedType, claims: string): string;
  /** Returns the claims as serialized JSON; null unless one of the keys signed them as this type. */
  verify(type: SignedType, token: string): string | null;
}

interface SigningSettings {
  /** Private Ed25519 keys; the first one signs. */
  signingKeys: readonly KeyObject[];
  publicUrl?: string | undefined;
}

/** Creates the signing from the settings; null if they name no keys. */
export function createSigning({ signingKeys, publicUrl }: SigningSettings): Signing | null {
  const keys = signingKeys.map((privateKey) => {
    const publicKey = createPublicKey(privateKey);
    return { privateKey, publicKey, jwk: toJwk(publicKey) };
  });
  const [signer] = keys;
  if (signer === undefined || publicUrl === undefined) return null;

  /** By type and encoded header: a header that is not exactly ours names no key, whatever it claims. */
  const publicKeyOf = new Map(
    keys.flatMap(({ publicKey, jwk }) =>
      types.map((type) => [`${type} ${headerOf(type, jwk.kid)}`, publicKey] as const),
    ),
  );

  return {
    issuer: publicUrl,
    publicKeys: keys.map(({ jwk }) => jwk),
    sign(type, claims) {
      const signed = `${headerOf(type, signer.jwk.kid)}.${encode(claims)}`;
      return `${signed}.${sign(null, Buffer.from(signed), signer.privateKey).toString('base64url')}`;
    },
    verify(type, token) {
      const [header = '', payload = '', signature = '', ...more] = token.split('.');
      const publicKey = publicKeyOf.get(`${type} ${header}`);
      if (more.length > 0 || publicKey === undefined) return null;
      const bytes = Buffer.from(signature, 'base64url');
      const isOurs =
        bytes.toString('base64url') === signature &&
        verify(null, Buffer.from(`${header}.${payload}`), publicKey, bytes);
      return isOurs ? Buffer.from(payload, 'base64url').toString('utf8') : null;
    },
  };
}

/**
 * Returns the signing, for routes that need it.
 *
 * @throws ProblemError `documents_disabled`.
 */
export function enabledSigning(signing: Signing | null): Signing {
  if (signing === null) throw new ProblemError('documents_disabled');
  return signing;
}

const types: readonly SignedType[] = ['latchkey-entitlements+jwt', 'latchkey-user+jwt'];

function headerOf(type: SignedType, kid: string): string {
  return encode(JSON.stringify({ alg: 'EdDSA', typ: type, kid }));
}

function encode(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64url');
}

/** Returns the public key as JWK. Its `kid` is its thumbprint (RFC 7638), so it needs no setting. */
function toJwk(publicKey: KeyObject): PublicJwk {
  const { x = '' } = publicKey.export({ format: 'jwk' });
  const members = JSON.stringify({ crv: 'Ed25519', kty: 'OKP', x });
  const kid = hash('sha256', members, 'base64url');
  return { kty: 'OKP', crv: 'Ed25519', x, kid, alg: 'EdDSA', use: 'sig' };
}
