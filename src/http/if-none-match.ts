/**
 * Whether a client that sends this `If-None-Match` has the answer with this tag already. Tags are
 * compared weakly: proxies that compress an answer on its way make its tag a weak one, and clients may
 * send several (RFC 9110, 13.1.2).
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
