import type { createRemoteJWKSet, JSONWebKeySet } from 'jose';
import { requireText } from './core/claims.ts';

/** The verified claims of a signed document. */
export interface EntitlementsDocument {
  userId: string;
  projectId: string;
  revision: number;
  /** What the user may use: feature code → value. */
  entitlements: Record<string, unknown>;
  /** The next instant at which the answer changes, ISO 8601; null = it never changes by itself. */
  nextChangeAt: string | null;
  /** When the document expires, ISO 8601. */
  expiresAt: string;
}

export interface VerifyOptions {
  /** The service's public keys, or the URL of its `/.well-known/jwks.json`. */
  jwks: JSONWebKeySet | string | URL;
  /** The project for which the document must have been signed: that of the API key. */
  project: string;
  /** The service's `PUBLIC_URL`. Without it, the issuer is not checked. */
  issuer?: string;
  /** Returns the present, epoch milliseconds. */
  now?: () => number;
}

/** The claims that Latchkey adds to those of every JWT. */
interface Claims {
  latchkey: {
    revision: number;
    entitlements: Record<string, unknown>;
    next_change_at: string | null;
  };
}

/** Key sets by URL: each fetches the keys once, and again for an unknown key. */
const remote = new Map<string, ReturnType<typeof createRemoteJWKSet>>();

/**
 * Verifies a signed document.
 *
 * @throws an error of `jose` if the document is forged, has expired, is of another project, or is signed with
 *   an unknown key.
 */
export async function verifyDocument(
  document: string,
  { jwks, project, issuer, now = Date.now }: VerifyOptions,
): Promise<EntitlementsDocument> {
  requireText(document, 'document');
  // Imported here, so that only apps that verify documents need `jose`.
  const jose = await import('jose');
  const keys =
    typeof jwks === 'string' || jwks instanceof URL
      ? remoteKeys(jose, jwks)
      : jose.createLocalJWKSet(jwks);
  const { payload } = await jose
    .jwtVerify<Claims>(document, keys, {
      algorithms: ['EdDSA'],
      typ: 'latchkey-entitlements+jwt',
      audience: project,
      requiredClaims: ['exp', 'iat', 'sub', 'latchkey'],
      ...(issuer === undefined ? {} : { issuer }),
      currentDate: new Date(now()),
    })
    .catch((error: unknown) => {
      const { JWTClaimValidationFailed } = jose.errors;
      if (!(error instanceof JWTClaimValidationFailed) || error.claim !== 'aud') throw error;
      const message = `The document is of project \`${String(error.payload.aud)}\`, not of \`${project}\`. \`project\` must be the project of the API key.`;
      throw new JWTClaimValidationFailed(message, error.payload, error.claim, error.reason);
    });
  const { revision, entitlements, next_change_at: nextChangeAt } = payload.latchkey;
  return {
    userId: payload.sub ?? '',
    projectId: project,
    ...{ revision, entitlements, nextChangeAt },
    expiresAt: new Date((payload.exp ?? 0) * 1_000).toISOString(),
  };
}

function remoteKeys(
  jose: { createRemoteJWKSet: typeof createRemoteJWKSet },
  url: string | URL,
): ReturnType<typeof createRemoteJWKSet> {
  const text = String(url);
  const found = remote.get(text) ?? jose.createRemoteJWKSet(new URL(text));
  remote.set(text, found);
  return found;
}
