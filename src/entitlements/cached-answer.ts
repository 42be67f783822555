import type { DeniedReason, EntitlementsAnswer } from './answer.ts';

/**
 * An answer as the cache keeps it: finished text, so that a hit parses and formats nothing. The first
 * line says until when it holds and under which revision and tag, the second why what is denied is
 * denied, the third is the body of `GET /entitlements`.
 */
export interface CachedAnswer {
  /** The next instant at which the answer changes by itself, epoch milliseconds; null = none. */
  nextChangeAt: number | null;
  revision: number;
  /** Changes with the revision and at every boundary. */
  etag: string;
  /** JSON: reasons by feature code. */
  deniedText: string;
  /** JSON: the body. */
  bodyText: string;
}

/**
 * @param recordedAt when the timeline last changed, epoch milliseconds: revisions begin anew in a
 *   restored database, instants do not.
 */
export function finishAnswer(answer: EntitlementsAnswer, recordedAt: number | null): CachedAnswer {
  const { revision, next_change_at: next } = answer.body;
  const nextChangeAt = next === null ? null : Date.parse(next);
  const parts = [revision, recordedAt ?? 0, nextChangeAt ?? 0];
  return {
    nextChangeAt,
    revision,
    etag: `"${parts.map((part) => part.toString(36)).join('-')}"`,
    deniedText: JSON.stringify(answer.denied),
    bodyText: JSON.stringify(answer.body),
  };
}

export function encodeAnswer(answer: CachedAnswer): string {
  const { nextChangeAt, revision, etag, deniedText, bodyText } = answer;
  return `${nextChangeAt ?? ''} ${revision} ${etag}\n${deniedText}\n${bodyText}`;
}

/** The answer in a text of `encodeAnswer`, or null where it holds no more at `now` (epoch milliseconds). */
export function decodeAnswer(text: string, now: number): CachedAnswer | null {
  const headEnd = text.indexOf('\n');
  const deniedEnd = text.indexOf('\n', headEnd + 1);
  const [next = '', revision = '', etag = ''] = text.slice(0, headEnd).split(' ');
  const nextChangeAt = next === '' ? null : Number(next);
  if (nextChangeAt !== null && now >= nextChangeAt) return null;
  return {
    nextChangeAt,
    revision: Number(revision),
    etag,
    deniedText: text.slice(headEnd + 1, deniedEnd),
    bodyText: text.slice(deniedEnd + 1),
  };
}

export function deniedReasons({ deniedText }: CachedAnswer): Partial<Record<string, DeniedReason>> {
  return JSON.parse(deniedText) as Partial<Record<string, DeniedReason>>; // written by finishAnswer
}
