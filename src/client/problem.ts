/** An error response of the service: a problem document (RFC 9457). */
export class LatchkeyError extends Error {
  override readonly name = 'LatchkeyError';
  readonly status: number;
  /** The stable code, such as `user_not_found`; docs/errors.md lists all. */
  readonly code: string;
  readonly errors: readonly { path: string; message: string }[];
  readonly requestId: string | null;

  constructor(status: number, body: unknown) {
    const problem = isProblem(body) ? body : {};
    super(problem.detail ?? problem.title ?? `The service responded with ${status}.`);
    this.status = status;
    this.code = problem.code ?? 'unknown';
    this.errors = problem.errors ?? [];
    this.requestId = problem.request_id ?? null;
  }
}

/** The service could not be reached, responded too late, or failed (429, 5xx). */
export class LatchkeyUnavailable extends Error {
  override readonly name = 'LatchkeyUnavailable';
}

interface Problem {
  title?: string;
  detail?: string;
  code?: string;
  request_id?: string;
  errors?: { path: string; message: string }[];
}

function isProblem(body: unknown): body is Problem {
  return typeof body === 'object' && body !== null;
}
