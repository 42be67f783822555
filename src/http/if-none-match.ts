/**
 * Returns whether an `If-None-Match` header contains this ETag, so that the client already has the response.
 * ETags are compared weakly (RFC 9110, 13.1.2), because proxies that compress a response make its ETag weak.
 *
 * @param etag a strong ETag, including its quotes, without commas.
 */
export function hasAnswerAlready(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  if (header === etag) return true;
  return header.split(',').some((part) => {
    const tag = part.trim();
    return tag === '*' || tag === etag || tag === `W/${etag}`;
  });
}
