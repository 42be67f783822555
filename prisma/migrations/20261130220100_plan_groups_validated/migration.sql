-- Reads the rows without locking the table against writes.
ALTER TABLE reconciliation_findings VALIDATE CONSTRAINT reconciliation_findings_type;
