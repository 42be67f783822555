/** What a document says. Instants are epoch milliseconds. */
export interface DocumentContent {
  issuer: string;
  projectId: string;
  userId: string;
  /** The unique id of the document. */
  id: string;
  revision: number;
  /** The value of each granted feature, as serialized JSON, by code. */
  values: ReadonlyMap<string, string>;
  nextChangeAt: number | null;
}

export interface DocumentClaims {
  /** The claims, as serialized JSON. */
  text: string;
  /** Epoch milliseconds. */
  expiresAt: number;
}

/**
 * Returns the claims of a document. It expires after `ttlSeconds`, and no later than the answer changes.
 *
 * @param now epoch milliseconds.
 */
export function documentClaims(
  content: DocumentContent,
  ttlSeconds: number,
  now: number,
): DocumentClaims {
  const issued = Math.floor(now / 1_000);
  const expires = expiryOf(content.nextChangeAt, issued, ttlSeconds);
  const values = [...content.values].map(([code, value]) => `${JSON.stringify(code)}:${value}`);
  const next = content.nextChangeAt === null ? null : new Date(content.nextChangeAt).toISOString();
  const claims = JSON.stringify({
    iss: content.issuer,
    aud: content.projectId,
    sub: content.userId,
    iat: issued,
    exp: expires,
    jti: content.id,
  });
  const answer = `{"revision":${content.revision},"entitlements":{${values.join(',')}},"next_change_at":${JSON.stringify(next)}}`;
  return {
    text: `${claims.slice(0, -1)},"latchkey":${answer}}`,
    expiresAt: Math.round(expires * 1_000),
  };
}

/**
 * Returns `exp`, seconds. Verifiers compare whole seconds, so a change within a second counts from its
 * beginning. A document issued within that second ends at the exact instant instead, because it would
 * otherwise be expired from the start.
 */
function expiryOf(nextChangeAt: number | null, issued: number, ttlSeconds: number): number {
  const latest = issued + ttlSeconds;
  if (nextChangeAt === null) return latest;
  const whole = Math.floor(nextChangeAt / 1_000);
  return Math.min(latest, whole > issued ? whole : nextChangeAt / 1_000);
}
