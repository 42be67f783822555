-- Where a source counts among many. A segment that has many sources names none of them: they are the
-- spans that cover it, so that a timeline grows with the number of sources, not with its square.
-- Safe for instances that run: no release deletes users.
CREATE TABLE "entitlement_source_spans" (
    "id" BIGSERIAL NOT NULL,
    "uid" BIGINT NOT NULL,
    "feature_code" TEXT NOT NULL,
    "source" JSONB NOT NULL,
    "valid_from" TIMESTAMPTZ(3) NOT NULL,
    "valid_to" TIMESTAMPTZ(3),
    "recorded_at" TIMESTAMPTZ(3) NOT NULL,
    "superseded_at" TIMESTAMPTZ(3),

    CONSTRAINT "entitlement_source_spans_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "entitlement_source_spans_uid_fkey" FOREIGN KEY ("uid") REFERENCES "users"("uid") ON DELETE RESTRICT ON UPDATE CASCADE,
    CONSTRAINT "entitlement_source_spans_window" CHECK (valid_from < valid_to),
    CONSTRAINT "entitlement_source_spans_recorded" CHECK (recorded_at < superseded_at),
    -- A source counts once.
    CONSTRAINT "entitlement_source_spans_no_overlap" EXCLUDE USING gist (
      uid WITH =, feature_code WITH =, (source::text) WITH =, tstzrange(valid_from, valid_to) WITH &&
    ) WHERE (superseded_at IS NULL)
);

CREATE INDEX "entitlement_source_spans_uid_feature_code_recorded_at_idx" ON "entitlement_source_spans"("uid", "feature_code", "recorded_at");

-- Reads of the live timeline.
CREATE INDEX entitlement_source_spans_live ON entitlement_source_spans (uid) WHERE superseded_at IS NULL;

-- The sweep recomputes the users whose segments repeat many sources; until then they are read as they are.
UPDATE users SET catalog_revision = 0 WHERE uid IN (
  SELECT uid FROM users WHERE uid IN (
    SELECT uid FROM entitlement_segments WHERE superseded_at IS NULL AND jsonb_array_length(sources) > 4
  ) ORDER BY uid FOR UPDATE
);
