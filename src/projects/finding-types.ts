/**
 * The types of reconciliation findings, by their effect on users. A project's setting decides for each type
 * whether it is fixed or only reported.
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
