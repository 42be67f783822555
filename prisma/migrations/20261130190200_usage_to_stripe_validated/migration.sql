-- Reads the rows without locking the table against writes.
ALTER TABLE features VALIDATE CONSTRAINT features_meter;
