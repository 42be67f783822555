import { faultSentences, type FieldFault } from './faults.ts';
import { type ProblemCode, problems } from './problem-table.ts';

/** Ids in the body of a problem. */
export interface ProblemIds {
  /** The live subscription that stands in the way. */
  subscription_id?: string;
}

/** An error that responds with a problem, wherever in a request it is thrown. */
export class ProblemError extends Error {
  readonly code: ProblemCode;
  readonly errors: FieldFault[] | undefined;
  /** Seconds until a retry may succeed; undefined for one second. */
  readonly retryAfterSeconds: number | undefined;
  /** Ids that a program needs for the remedy, added to the body. */
  readonly ids: ProblemIds;

  /**
   * @param detail the cause and the remedy, without internals. By default, `errors` as sentences or, without
   *   `errors`, the title.
   */
  constructor(
    code: ProblemCode,
    detail?: string,
    errors?: FieldFault[],
    retryAfterSeconds?: number,
    ids: ProblemIds = {},
  ) {
    super(detail ?? (errors === undefined ? `${problems[code].title}.` : faultSentences(errors)));
    this.name = 'ProblemError';
    this.code = code;
    this.errors = errors;
    this.retryAfterSeconds = retryAfterSeconds;
    this.ids = ids;
  }

  get status(): number {
    return problems[this.code].status;
  }
}

/** Returns the body of the response to an error (RFC 9457). */
export function problemBody(error: ProblemError, requestId: string) {
  const { status, title } = problems[error.code];
  return {
    type: `urn:latchkey:problem:${error.code}`,
    title,
    status,
    code: error.code,
    detail: error.message,
    request_id: requestId,
    ...error.ids,
    ...(error.errors === undefined ? {} : { errors: error.errors }),
  };
}
