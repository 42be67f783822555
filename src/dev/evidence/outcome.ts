/** What running a step came to. */
export interface Judged {
  /** `not available`: what it would have to ask gives no answer here, so it shows nothing either way. */
  outcome: 'passed' | 'failed' | 'not available';
  /** What it came to; empty where the outcome says it all. */
  counts: string;
}
