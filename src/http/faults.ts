/* Faults in the fields of a request, and the sentences that describe them. Pure. */

export interface FieldFault {
  /**
   * The field as a caller writes it: `grants[3].feature_code`, or the name of a query parameter or header.
   */
  path: string;
  /** A predicate with the remedy, without its subject and full stop: `must be after valid_from`. */
  message: string;
}

/** The part of a request that contains a fault. */
export type RequestPart = 'body' | 'query' | 'path';

/** Maximum number of faults in `detail`; `errors` lists all. */
const maxSentences = 3;

/** Maximum length of a field name that a message repeats, in UTF-16 units. */
const maxNameLength = 100;

/** Returns the path of a field in the notation of `FieldFault`. */
export function pathText(segments: readonly PropertyKey[]): string {
  return segments.reduce<string>((path, segment) => {
    if (typeof segment === 'number') return `${path}[${segment}]`;
    const name = String(segment).slice(0, maxNameLength);
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
