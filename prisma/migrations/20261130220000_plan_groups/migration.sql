ALTER TABLE products ADD COLUMN group_name TEXT;
-- Safe for instances that run: it allows every type that they write.
ALTER TABLE reconciliation_findings
  DROP CONSTRAINT reconciliation_findings_type,
  ADD CONSTRAINT reconciliation_findings_type CHECK (type IN (
    'paid_but_blocked', 'unpaid_but_active', 'plan_mismatch', 'quantity_mismatch', 'window_mismatch',
    'orphan_at_stripe', 'orphan_local', 'catalog_mismatch', 'missed_event', 'revenue_mismatch',
    'double_subscription')) NOT VALID;
