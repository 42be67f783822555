ALTER TABLE "projects" ADD COLUMN "reconcile_report" TEXT[] DEFAULT ARRAY[]::TEXT[];

ALTER TABLE "reconciliation_runs"
  ADD COLUMN "leased_by" TEXT,
  ADD COLUMN "account_id" TEXT,
  ADD COLUMN "error" TEXT,
  ADD COLUMN "summed_up_at" TIMESTAMPTZ(3);
CREATE INDEX "reconciliation_runs_status_idx" ON "reconciliation_runs"("status");

ALTER TABLE "reconciliation_findings"
  ADD COLUMN "project_id" TEXT,
  ADD COLUMN "loser_uids" BIGINT[] DEFAULT ARRAY[]::BIGINT[],
  ADD COLUMN "created_at" TIMESTAMPTZ(3) NOT NULL;
CREATE UNIQUE INDEX "reconciliation_findings_run_id_object_type_object_id_key"
  ON "reconciliation_findings"("run_id", "object_type", "object_id");
CREATE INDEX "reconciliation_findings_project_id_resolved_at_idx"
  ON "reconciliation_findings"("project_id", "resolved_at");

-- Closed lists, as src/projects/finding-types.ts and src/reconciliation/finding.ts have them.
ALTER TABLE reconciliation_findings
  ADD CONSTRAINT reconciliation_findings_type CHECK (type IN (
    'paid_but_blocked', 'unpaid_but_active', 'plan_mismatch', 'quantity_mismatch', 'window_mismatch',
    'orphan_at_stripe', 'orphan_local', 'catalog_mismatch', 'missed_event', 'revenue_mismatch')),
  ADD CONSTRAINT reconciliation_findings_action CHECK (action IN (
    'fixed', 'reported', 'pending', 'held', 'settled', 'open'));

-- What we hold alive is compared stretch by stretch of its creation, as Stripe lists it.
CREATE INDEX "customers_created_at_idx" ON "customers"("created_at");
CREATE INDEX "subscriptions_created_at_idx" ON "subscriptions"("created_at");
CREATE INDEX "checkout_sessions_created_at_idx" ON "checkout_sessions"("created_at");
