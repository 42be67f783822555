/** The kinds of alarms. A test compares them with the code that raises alarms. */
export const alarmKinds = [
  'clock_set_back',
  'intent_of_another_session',
  'object_missing',
  'past_due_without_debt',
  'reconciliation_account',
  'reconciliation_clock',
  'reconciliation_failed',
  'reconciliation_held',
  'reconciliation_list_incomplete',
  'stripe_entitlement_differs',
  'timeline_not_computed',
  'too_many_sources',
  'unknown_status',
] as const;
