/**
 * Returns the claims of a signed token (a JWT) without verifying them; null if the text is not a JWT. Use them
 * for what is shown and when, never for what is allowed.
 */
export function unverifiedClaims(token: string): Partial<Record<string, unknown>> | null {
  try {
    const [, payload = ''] = token.split('.');
    const bytes = Uint8Array.from(atob(payload.replace(/-/g, '+').replace(/_/g, '/')), (char) =>
      char.charCodeAt(0),
    );
    const claims: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof claims === 'object' && claims !== null ? { ...claims } : null;
  } catch {
    return null;
  }
}

/**
 * Refuses a document or token that is not text, such as the whole answer of `latchkey.document(userId)`.
 *
 * @throws TypeError
 */
export function requireText(value: unknown, name: 'document' | 'token'): void {
  if (typeof value === 'string') return;
  const method = name === 'token' ? 'userToken' : 'document';
  throw new TypeError(
    `\`${name}\` must be a string: \`const { ${name} } = await latchkey.${method}(userId)\`.`,
  );
}
