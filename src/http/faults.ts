/* Faults in the fields of a request, and the sentences that describe them. Pure. */

export interface FieldFault {
  /**
   * The field in the notation that callers use: `grants[3].feature_code`, or the name of a query parameter or
   * header.
   */
  path: string;
  /** What is wrong and what to do, without the subject and the full stop: `must be after valid_from`. */
  message: string;
}

/** The part of a request that contains a fault. */
export type RequestPart = 'body' | 'query' | 'path';

/** Maximum number of faults in `detail`. `errors` lists all of them. */
const maxSentences = 3;

/** Maximum length of a field name to repeat in a message, in UTF-16 units. */
const maxNameLength = 100;

/** Returns the path of a field in the notation of `FieldFault`. */
export function pathText(segments: readonly PropertyKey[]): string {
  return segments.reduce<string>((path, segment) => {
    if (typeof segment === 'number') return `${path}[${segment}]`;
    const name = String(segment).slice(0, maxNameLength);
    return path === '' ? name : `${path}.${name}`;
  }, '');
}

/** Returns the faults as sentences, each with the field and what to do. */
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
