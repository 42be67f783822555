/**
 * Returns whether an `If-None-Match` header lists this tag, so that the client already has the response. Tags
 * are compared weakly (RFC 9110, 13.1.2), because proxies that compress a response make its tag weak.
 *
 * @param etag a strong tag, quotes included, without commas.
 */
export function hasAnswerAlready(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  if (header === etag) return true;
  return header.split(',').some((part) => {
    const tag = part.trim();
    return tag === '*' || tag === etag || tag === `W/${etag}`;
  });
}
