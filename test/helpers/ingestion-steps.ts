/** The steps of ingestion after which a process may die, in order. */
export const ingestionSteps = [
  'stored',
  'acknowledged',
  'claimed',
  'numbered',
  'fetched',
  'written',
  'committed',
  'invalidated',
  'noted',
] as const;

export type Step = (typeof ingestionSteps)[number];
