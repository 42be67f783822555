-- Whether what is open was found again since.
CREATE INDEX "reconciliation_findings_object_type_object_id_idx" ON "reconciliation_findings"("object_type", "object_id");
