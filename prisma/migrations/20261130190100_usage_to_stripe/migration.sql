-- Usage that is reported to Stripe's billing meters.
-- Safe for instances that run: they ignore the columns.
ALTER TABLE "features" ADD COLUMN     "meter_event" TEXT,
ADD COLUMN     "meter_report" TEXT,
ADD CONSTRAINT "features_meter" CHECK (
  meter_report IN ('all', 'overage') AND meter_event IS NOT NULL
  OR meter_report IS NULL AND meter_event IS NULL) NOT VALID;

ALTER TABLE "usage_buckets" ADD COLUMN     "reported" BIGINT NOT NULL DEFAULT 0;

ALTER TABLE "usage_entries" ADD COLUMN     "meter_event" TEXT;

-- The outbox. It has no foreign key to users, whose check would wait for transactions that lock the user.
CREATE TABLE "meter_events" (
    "id" TEXT NOT NULL,
    "project_id" TEXT NOT NULL,
    "uid" BIGINT NOT NULL,
    "feature_code" TEXT NOT NULL,
    "event_name" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "value" BIGINT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "sealed_at" TIMESTAMPTZ(3),
    "customer_id" TEXT,
    "status" TEXT NOT NULL DEFAULT 'pending',
    "next_attempt_at" TIMESTAMPTZ(3),
    "leased_until" TIMESTAMPTZ(3),
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "first_sent_at" TIMESTAMPTZ(3),

    CONSTRAINT "meter_events_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "meter_events_status" CHECK (
      (status = 'pending') = (next_attempt_at IS NOT NULL)
      AND status IN ('pending', 'waiting', 'sent', 'empty', 'failed'))
);

-- Usage is added to the open event of its minute. A sealed event never changes its value.
CREATE UNIQUE INDEX meter_events_open ON meter_events (uid, feature_code, event_name, at)
  WHERE sealed_at IS NULL;

CREATE INDEX meter_events_due ON meter_events (project_id, next_attempt_at)
  WHERE next_attempt_at IS NOT NULL;

CREATE INDEX meter_events_unsettled ON meter_events (status, created_at)
  WHERE status IN ('pending', 'waiting', 'failed');

CREATE INDEX "meter_events_uid_feature_code_event_name_at_idx" ON "meter_events"("uid", "feature_code", "event_name", "at");

CREATE INDEX "meter_events_at_idx" ON "meter_events"("at");
