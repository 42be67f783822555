/**
 * The types of reconciliation findings, by their effect on users. For each type, a project setting decides
 * whether such findings are fixed or only reported.
 */
export const findingTypes = [
  'paid_but_blocked',
  'unpaid_but_active',
  'plan_mismatch',
  'quantity_mismatch',
  'window_mismatch',
  'orphan_at_stripe',
  'orphan_local',
  'catalog_mismatch',
  'missed_event',
  'revenue_mismatch',
] as const;

export type FindingType = (typeof findingTypes)[number];
