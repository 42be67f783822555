/**
 * Returns whether the client's `If-None-Match` shows that it already has the response with this tag. Tags are
 * compared weakly: a proxy that compresses a response makes its tag weak, and clients may send several (RFC
 * 9110, 13.1.2).
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
