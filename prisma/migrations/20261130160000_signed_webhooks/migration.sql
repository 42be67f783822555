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

-- Leases due deliveries and returns them. The lock serializes the claims of all instances, and each statement
-- of a function sees what was committed before it: so a claim counts the leases of the one before. A frozen
-- process blocks no other, since claiming is one statement of its own.
CREATE FUNCTION claim_deliveries(
  claimed_at timestamptz, leased_to timestamptz, max_per_endpoint int, free int, running jsonb
) RETURNS TABLE (
  id text, endpoint_id text, project_id text, url text, secret text, previous_secrets jsonb,
  failing_since timestamptz, message_id text, type text, data jsonb, created_at timestamptz,
  due_at timestamptz, tries int, is_first boolean
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('claim_deliveries'));
  RETURN QUERY
  -- Walks the index from endpoint to endpoint, so that a backlog of one costs no more than its first rows.
  WITH RECURSIVE with_pending (endpoint_id) AS (
    (SELECT d.endpoint_id FROM webhook_deliveries d WHERE d.status = 'pending'
     ORDER BY d.endpoint_id LIMIT 1)
    UNION ALL
    SELECT (
      SELECT d.endpoint_id FROM webhook_deliveries d
      WHERE d.status = 'pending' AND d.endpoint_id > w.endpoint_id ORDER BY d.endpoint_id LIMIT 1)
    FROM with_pending w WHERE w.endpoint_id IS NOT NULL
  ), due AS (
    SELECT d.id, e.project_id, d.next_attempt_at,
      l.leased + row_number() OVER (PARTITION BY e.id ORDER BY d.next_attempt_at) AS turn
    FROM with_pending w
    JOIN webhook_endpoints e ON e.id = w.endpoint_id AND e.status = 'enabled' AND e.deleted_at IS NULL
    CROSS JOIN LATERAL (
      SELECT count(*) AS leased FROM webhook_deliveries d
      WHERE d.endpoint_id = e.id AND d.leased_until > claimed_at
    ) l
    CROSS JOIN LATERAL (
      SELECT d.id, d.next_attempt_at FROM webhook_deliveries d
      WHERE d.endpoint_id = e.id AND d.status = 'pending' AND d.next_attempt_at <= claimed_at
        AND (d.leased_until IS NULL OR d.leased_until <= claimed_at)
      ORDER BY d.next_attempt_at
      -- More than the maximum may be leased for a moment: by an instance whose clock is ahead.
      LIMIT greatest(0, max_per_endpoint - l.leased)
    ) d
  ), ranked AS (
    SELECT due.id, due.next_attempt_at, due.project_id, coalesce(r.value::int, 0) AS own,
      row_number() OVER (PARTITION BY due.project_id ORDER BY due.turn, due.next_attempt_at) AS nth
    FROM due LEFT JOIN jsonb_each_text(running) r ON r.key = due.project_id
  ), chosen AS (
    SELECT ranked.id FROM ranked
    -- What is free is divided by one more than the projects that want it.
    WHERE nth + own <= greatest(
      max_per_endpoint, (free + own) / (1 + (SELECT count(DISTINCT ranked.project_id) FROM ranked)))
    ORDER BY nth, next_attempt_at LIMIT free
  ), locked AS (
    -- Leaves a delivery that a replay or a late result is changing to the next claim.
    SELECT d.id FROM webhook_deliveries d WHERE d.id IN (SELECT chosen.id FROM chosen)
      AND d.status = 'pending' AND d.next_attempt_at <= claimed_at
      AND (d.leased_until IS NULL OR d.leased_until <= claimed_at)
    FOR UPDATE SKIP LOCKED
  )
  UPDATE webhook_deliveries d SET leased_until = leased_to
  FROM locked, webhook_endpoints e
  WHERE d.id = locked.id AND e.id = d.endpoint_id
  RETURNING d.id, e.id, e.project_id, e.url, e.secret, e.previous_secrets, e.failing_since, d.message_id,
    d.type, d.data, d.created_at, d.next_attempt_at, d.tries, d.attempts = '[]';
END $$;
