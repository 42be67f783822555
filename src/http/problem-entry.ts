/** One entry of the table of problems. docs/errors.md is generated from the table. */
export interface ProblemEntry {
  readonly status: number;
  /** What the code means, without a full stop. */
  readonly title: string;
  readonly cause: string;
  readonly remedy: string;
}
