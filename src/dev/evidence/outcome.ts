/** The outcome of a step. */
export interface Judged {
  /** `not available`: its source does not answer here, so it proves nothing either way. */
  outcome: 'passed' | 'failed' | 'not available';
  /** Details; empty if the outcome says it all. */
  counts: string;
}
