-- Safe for instances that run: they ignore the columns and store no other types. They do not know metered
-- features, which are therefore created only after all instances run this release (docs/operations.md).
ALTER TABLE features
  ADD COLUMN unit TEXT,
  ADD COLUMN overage TEXT NOT NULL DEFAULT 'deny',
  ADD CONSTRAINT features_overage CHECK (overage IN ('deny', 'allow')) NOT VALID,
  DROP CONSTRAINT features_type,
  ADD CONSTRAINT features_type CHECK (type IN ('boolean', 'limit', 'config', 'metered')) NOT VALID;
-- Safe for instances that run: it allows every type that they write.
ALTER TABLE entitlement_segments
  DROP CONSTRAINT entitlement_segments_type,
  ADD CONSTRAINT entitlement_segments_type
    CHECK (feature_type IN ('boolean', 'limit', 'config', 'metered')) NOT VALID;
ALTER TABLE subscriptions ADD COLUMN billing_cycle_anchor TIMESTAMPTZ(3);
