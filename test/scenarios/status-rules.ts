/** A row of the document's table of statuses; each is shown by scenarios with the same `status`. */
interface StatusRule {
  status: string;
  access: string;
}

export const statusRules: readonly StatusRule[] = [
  { status: 'active', access: 'yes' },
  { status: 'trialing', access: 'yes' },
  {
    status: 'past_due',
    access:
      'until `grace_days` (7, per project) after the debt began: when the earliest unpaid invoice that is newer than the newest paid one was finalized (or fell due, for invoices that are sent). Without an unpaid invoice yes, with an alarm',
  },
  { status: 'incomplete', access: 'no' },
  { status: 'incomplete_expired', access: 'no, permanently' },
  { status: 'unpaid', access: 'no, even within the grace period' },
  {
    status: 'canceled',
    access: 'until `ended_at`, then no, permanently',
  },
  { status: 'paused', access: 'no, from the pause until it is resumed' },
  {
    status: 'unknown',
    access: 'an unknown status: as before, with an alarm; no, if nothing was known before',
  },
];
