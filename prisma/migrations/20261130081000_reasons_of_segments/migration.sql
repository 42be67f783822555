-- The words of src/entitlements/core/reasons.ts that are stored. Rows that are there are looked at by the next
-- migration: here the table would be locked meanwhile.
-- Safe for instances that run: they store no other words.
ALTER TABLE entitlement_segments
  ADD CONSTRAINT entitlement_segments_reason CHECK (
    reason IN ('granted', 'revoked', 'payment_overdue', 'not_yet_valid', 'expired')
  ) NOT VALID;
