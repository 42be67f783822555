-- Signed webhooks (docs/adr/0015-signed-webhooks.md). An endpoint reads the feed up to its position; each
-- message to it is a row before it is sent.
ALTER TABLE "projects" ADD COLUMN     "expiring_notice_days" INTEGER NOT NULL DEFAULT 0;
-- Safe for instances that run: they do not write the column.
ALTER TABLE "projects" ADD CONSTRAINT "projects_expiring_notice_days_check"
  CHECK (expiring_notice_days BETWEEN 0 AND 365);

-- The first end of a feature that was not checked for a notice. The epoch = not computed yet: a sweep does it.
ALTER TABLE "users" ADD COLUMN     "next_end_at" TIMESTAMPTZ(3) DEFAULT '1970-01-01 00:00:00 +00:00';

CREATE TABLE "webhook_endpoints" (
    "id" TEXT NOT NULL,
    "project_id" TEXT NOT NULL,
    "url" TEXT NOT NULL,
    "description" TEXT,
    "types" TEXT[],
    "status" TEXT NOT NULL DEFAULT 'enabled',
    "disabled_reason" TEXT,
    "secret" TEXT NOT NULL,
    "previous_secrets" JSONB NOT NULL DEFAULT '[]',
    "position" BIGINT NOT NULL,
    "failing_since" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "deleted_at" TIMESTAMPTZ(3),

    CONSTRAINT "webhook_endpoints_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "webhook_endpoints_status_check" CHECK (
      (status = 'enabled' AND disabled_reason IS NULL)
      OR (status = 'disabled' AND disabled_reason IN ('operator', 'gone', 'failing')))
);

CREATE TABLE "webhook_deliveries" (
    "id" TEXT NOT NULL,
    "number" BIGINT NOT NULL DEFAULT next_number(),
    "endpoint_id" TEXT NOT NULL,
    "message_id" TEXT NOT NULL,
    "type" TEXT NOT NULL,
    "uid" BIGINT NOT NULL,
    "position" BIGINT,
    "data" JSONB NOT NULL,
    "status" TEXT NOT NULL DEFAULT 'pending',
    "tries" INTEGER NOT NULL DEFAULT 0,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "next_attempt_at" TIMESTAMPTZ(3),
    "leased_until" TIMESTAMPTZ(3),
    "attempts" JSONB NOT NULL DEFAULT '[]',

    CONSTRAINT "webhook_deliveries_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "webhook_deliveries_status_check" CHECK (
      (status = 'pending') = (next_attempt_at IS NOT NULL) AND status IN ('pending', 'delivered', 'failed'))
);

CREATE TABLE "expiring_notices" (
    "uid" BIGINT NOT NULL,
    "feature_code" TEXT NOT NULL,
    "ends_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "expiring_notices_pkey" PRIMARY KEY ("uid","feature_code","ends_at")
);

CREATE INDEX users_next_end ON users (project_id, next_end_at) WHERE next_end_at IS NOT NULL;
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (endpoint_id, next_attempt_at)
  WHERE status = 'pending';
CREATE INDEX webhook_deliveries_undelivered ON webhook_deliveries (endpoint_id, created_at)
  WHERE status = 'pending';
CREATE INDEX webhook_deliveries_leased ON webhook_deliveries (endpoint_id) WHERE leased_until IS NOT NULL;
CREATE INDEX "webhook_endpoints_project_id_id_idx" ON "webhook_endpoints"("project_id", "id");

CREATE UNIQUE INDEX "webhook_deliveries_number_key" ON "webhook_deliveries"("number");

CREATE INDEX "webhook_deliveries_endpoint_id_number_idx" ON "webhook_deliveries"("endpoint_id", "number");

CREATE INDEX "webhook_deliveries_uid_idx" ON "webhook_deliveries"("uid");

CREATE INDEX "webhook_deliveries_created_at_idx" ON "webhook_deliveries"("created_at");

CREATE UNIQUE INDEX "webhook_deliveries_endpoint_id_position_key" ON "webhook_deliveries"("endpoint_id", "position");

CREATE INDEX "expiring_notices_ends_at_idx" ON "expiring_notices"("ends_at");

-- Safe for instances that run: projects are never deleted.
ALTER TABLE "webhook_endpoints" ADD CONSTRAINT "webhook_endpoints_project_id_fkey" FOREIGN KEY ("project_id") REFERENCES "projects"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

ALTER TABLE "webhook_deliveries" ADD CONSTRAINT "webhook_deliveries_endpoint_id_fkey" FOREIGN KEY ("endpoint_id") REFERENCES "webhook_endpoints"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- Safe for instances that run: users are never deleted.
ALTER TABLE "expiring_notices" ADD CONSTRAINT "expiring_notices_uid_fkey" FOREIGN KEY ("uid") REFERENCES "users"("uid") ON DELETE RESTRICT ON UPDATE CASCADE;
