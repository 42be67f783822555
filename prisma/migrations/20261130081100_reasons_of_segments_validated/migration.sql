-- Reads all segments once; nothing waits for it but other changes of the table's definition.
ALTER TABLE entitlement_segments VALIDATE CONSTRAINT entitlement_segments_reason;
