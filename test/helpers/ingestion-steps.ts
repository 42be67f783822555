/** The steps of ingestion after each of which a process may die, in their order. */
export const ingestionSteps = [
  'stored',
  'acknowledged',
  'claimed',
  'numbered',
  'fetched',
  'written',
  'committed',
  'told',
  'noted',
] as const;

export type Step = (typeof ingestionSteps)[number];
