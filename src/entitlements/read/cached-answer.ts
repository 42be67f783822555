import type { DeniedReason, EntitlementsAnswer } from '../core/answer.ts';

/**
 * The version of the cached text and of the body inside. Increment it with every change to either: text of
 * another version is a miss. The version is in the text rather than in the key so that releases running side
 * by side delete each other's answers.
 */
export const cacheFormat = 1;

/**
 * An answer as cached text, so that a hit parses and formats nothing. The first line has the format version,
 * next change, revision and ETag. Each feature has a line, `code valid_to value` (JSON) or `code !reason`. An
 * empty line separates the features from the body of `GET /entitlements`.
 */
export interface CachedAnswer {
  /** The next instant at which time alone changes the answer, epoch milliseconds; null if it never does. */
  nextChangeAt: number | null;
  revision: number;
  /** Changes with every revision and at every boundary. */
  etag: string;
  /** The lines of the features, with a line break before, between and after them. */
  featureLines: string;
  /** The response body, serialized as JSON. */
  bodyText: string;
}

/** The answer for one feature. `value` and `validTo` are serialized JSON. */
export type FeatureWord =
  { allowed: true; value: string; validTo: string } | { allowed: false; reason: DeniedReason };

/**
 * Renders an answer as cached text.
 *
 * @param recordedAt when the timeline last changed, epoch milliseconds. It makes ETags unique: a restored
 *   database repeats revisions, but not instants.
 */
export function finishAnswer(answer: EntitlementsAnswer, recordedAt: number | null): CachedAnswer {
  const { revision, entitlements, next_change_at: next } = answer.body;
  const nextChangeAt = next === null ? null : Date.parse(next);
  const parts = [revision, recordedAt ?? 0, nextChangeAt ?? 0];
  const granted = entitlements.map(
    ({ feature_code: code, value, valid_to: validTo }) =>
      `${code} ${JSON.stringify(validTo)} ${JSON.stringify(value)}\n`,
  );
  const denied = Object.entries(answer.denied).map(([code, reason]) => `${code} !${reason}\n`);
  return {
    nextChangeAt,
    revision,
    etag: `"${parts.map((part) => part.toString(36)).join('-')}"`,
    featureLines: ['\n', ...granted, ...denied].join(''),
    bodyText: JSON.stringify(answer.body),
  };
}

export function encodeAnswer(answer: CachedAnswer): string {
  const { nextChangeAt, revision, etag, featureLines, bodyText } = answer;
  return `${cacheFormat} ${nextChangeAt ?? ''} ${revision} ${etag}${featureLines}\n${bodyText}`;
}

/**
 * Parses text from `encodeAnswer`. Returns null if the text has a different format or if the answer has
 * expired at `now` (epoch milliseconds).
 */
export function decodeAnswer(text: string, now: number): CachedAnswer | null {
  const headEnd = text.indexOf('\n');
  const linesEnd = text.indexOf('\n\n', headEnd) + 1;
  const [format, next = '', revision = '', etag = ''] = text.slice(0, headEnd).split(' ');
  if (format !== String(cacheFormat)) return null;
  const nextChangeAt = next === '' ? null : Number(next);
  if (nextChangeAt !== null && now >= nextChangeAt) return null;
  return {
    nextChangeAt,
    revision: Number(revision),
    etag,
    featureLines: text.slice(headEnd, linesEnd),
    bodyText: text.slice(linesEnd + 1),
  };
}

/** Returns the answer for one feature; null if the feature is not included because it never had a source. */
export function featureWord(answer: CachedAnswer, featureCode: string): FeatureWord | null {
  const { featureLines } = answer;
  const mark = `\n${featureCode} `;
  const found = featureLines.indexOf(mark);
  if (found === -1) return null;
  const start = found + mark.length;
  return parseWord(featureLines.slice(start, featureLines.indexOf('\n', start)));
}

/** Returns whether a granted feature is metered. */
export function isMetered({ bodyText }: CachedAnswer, featureCode: string, value: string): boolean {
  const isCandidate = value === '"unlimited"' || value.startsWith('{"allowances":');
  return isCandidate && bodyText.includes(`{"feature_code":"${featureCode}","type":"metered",`);
}

/** Returns the answers for all features that ever had a source, by code. */
export function featureWords({ featureLines }: CachedAnswer): Map<string, FeatureWord> {
  const words = new Map<string, FeatureWord>();
  for (const line of featureLines.split('\n')) {
    const space = line.indexOf(' ');
    if (space !== -1) words.set(line.slice(0, space), parseWord(line.slice(space + 1)));
  }
  return words;
}

/** Returns the values of the granted features as serialized JSON, by code. */
export function grantedValues(answer: CachedAnswer): Map<string, string> {
  const values = new Map<string, string>();
  for (const [code, word] of featureWords(answer)) if (word.allowed) values.set(code, word.value);
  return values;
}

/**
 * Parses one feature's answer.
 *
 * @param word what follows the feature code in the line.
 */
function parseWord(word: string): FeatureWord {
  if (word.startsWith('!')) return { allowed: false, reason: word.slice(1) as DeniedReason }; // written by finishAnswer
  const space = word.indexOf(' ');
  return { allowed: true, validTo: word.slice(0, space), value: word.slice(space + 1) };
}
