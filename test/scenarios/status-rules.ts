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
      'until `grace_days` (7, per project) after the debt began: when the earliest unpaid invoice that is newer than the newest paid one was finalized, or, where invoices are sent, fell due. Without such an invoice yes, with an alarm',
  },
  { status: 'incomplete', access: 'no' },
  { status: 'incomplete_expired', access: 'no, for good' },
  { status: 'unpaid', access: 'no, grace or not' },
  {
    status: 'canceled',
    access: 'until `ended_at`, then no, for good',
  },
  { status: 'paused', access: 'no, from when it was paused until it is resumed' },
  {
    status: 'unknown',
    access: 'a status of the future: as before, with an alarm; no, where nothing was known before',
  },
];
