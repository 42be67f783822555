/*
 * What is wrong with the fields of a request, and how a sentence says it. Pure.
 */

export interface FieldFault {
  /** As a caller writes it: `grants[3].feature_code`, or the name of a query parameter or header. */
  path: string;
  /** A predicate with the remedy, without its subject and full stop: `must be after valid_from`. */
  message: string;
}

/** The part of a request that a fault lies in. */
export type RequestPart = 'body' | 'query' | 'path';

/** `detail` describes at most this many faults; `errors` lists all. */
const maxSentences = 3;

/** A caller's own words in a message are cut here, in UTF-16 units. */
const longestName = 100;

/** Returns the path of a field in the notation of `FieldFault`. */
export function pathText(segments: readonly PropertyKey[]): string {
  return segments.reduce<string>((path, segment) => {
    if (typeof segment === 'number') return `${path}[${segment}]`;
    const name = String(segment).slice(0, longestName);
    return path === '' ? name : `${path}.${name}`;
  }, '');
}

/** Returns the faults as sentences, each with its field and remedy. */
export function faultSentences(faults: readonly FieldFault[], part: RequestPart = 'body'): string {
  const sentences = faults
    .slice(0, maxSentences)
    .map(({ path, message }) => `${subject(path, part)} ${message}.`);
  const left = faults.length - sentences.length;
  return [...sentences, ...(left > 0 ? [`\`errors\` lists ${left} more.`] : [])].join(' ');
}

function subject(path: string, part: RequestPart): string {
  if (path === '') return `The ${part}`;
  return part === 'body' ? `\`${path}\`` : `\`${path}\` in the ${part}`;
}
