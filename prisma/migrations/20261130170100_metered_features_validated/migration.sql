-- Reads the rows without locking the tables against writes.
ALTER TABLE features VALIDATE CONSTRAINT features_overage;
ALTER TABLE features VALIDATE CONSTRAINT features_type;
ALTER TABLE entitlement_segments VALIDATE CONSTRAINT entitlement_segments_type;
