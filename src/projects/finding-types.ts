/**
 * The types of differences from Stripe, by their effect on users. For each type, a project setting decides
 * whether such findings are fixed or only reported.
 */
export const differenceTypes = [
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
export type DifferenceType = (typeof differenceTypes)[number];

/**
 * The types of reconciliation findings. `double_subscription`: a user has several live subscriptions of which
 * the catalog allows one. Mirror and Stripe agree on it, and only an operator can say which one to cancel.
 */
export const findingTypes = [...differenceTypes, 'double_subscription'] as const;

export type FindingType = (typeof findingTypes)[number];
