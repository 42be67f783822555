import { createPublicKey, hash, type KeyObject, sign, verify } from 'node:crypto';
import { ProblemError } from '../http/problem.ts';

/**
 * The type of a signed token: a document or a user token. It is part of the signed header, so that neither
 * can pass for the other.
 */
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

/** Signs JSON as a compact JWS (RFC 7515) with Ed25519, and verifies such tokens. */
export interface Signing {
  /** The `iss` of every signed token. */
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

/** Creates the signer from the settings; null if they lack a key or the public URL. */
export function createSigning({ signingKeys, publicUrl }: SigningSettings): Signing | null {
  const keys = signingKeys.map((privateKey) => {
    const publicKey = createPublicKey(privateKey);
    return { privateKey, publicKey, jwk: toJwk(publicKey) };
  });
  const [signer] = keys;
  if (signer === undefined || publicUrl === undefined) return null;

  /**
   * Public keys by type and encoded header. Only a header exactly as this service writes it selects a key, so
   * a token cannot choose its algorithm.
   */
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
 * Returns the signer, for routes that need one.
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

/** Returns the public key as a JWK. The `kid` is the key's thumbprint (RFC 7638), so no setting is needed. */
function toJwk(publicKey: KeyObject): PublicJwk {
  const { x = '' } = publicKey.export({ format: 'jwk' });
  const members = JSON.stringify({ crv: 'Ed25519', kty: 'OKP', x });
  const kid = hash('sha256', members, 'base64url');
  return { kty: 'OKP', crv: 'Ed25519', x, kid, alg: 'EdDSA', use: 'sig' };
}
