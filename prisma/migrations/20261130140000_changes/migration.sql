-- The feed of changes: one row per revision of a user, and one per instant at which time alone changed the
-- answer. `position` orders the feed. It is given after the commit, so that no row appears behind a
-- position that was already read (docs/adr/0014-changes.md).
CREATE TABLE "changes" (
    "id" BIGSERIAL NOT NULL,
    "position" BIGINT,
    "uid" BIGINT NOT NULL,
    "project_id" TEXT NOT NULL,
    "revision" BIGINT NOT NULL,
    "cause" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "recorded_at" TIMESTAMPTZ(3) NOT NULL,
    "gained" TEXT[],
    "lost" TEXT[],
    "changed" TEXT[],
    "next_change_at" TIMESTAMPTZ(3),

    CONSTRAINT "changes_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "changes_cause_check" CHECK (cause IN
      ('stripe', 'operator', 'catalog', 'policy', 'boundary', 'reconciliation', 'erasure'))
);

CREATE UNIQUE INDEX "changes_position_key" ON "changes"("position");
CREATE INDEX "changes_project_id_position_idx" ON "changes"("project_id", "position");
CREATE INDEX "changes_uid_position_idx" ON "changes"("uid", "position");
CREATE INDEX "changes_recorded_at_idx" ON "changes"("recorded_at");
CREATE INDEX changes_unpublished ON changes (id) WHERE position IS NULL;
-- However many instances sweep, a boundary gives one change.
CREATE UNIQUE INDEX changes_one_per_boundary ON changes (uid, at) WHERE cause = 'boundary';

-- Safe for instances that run: users are never deleted.
ALTER TABLE "changes" ADD CONSTRAINT "changes_uid_fkey"
  FOREIGN KEY ("uid") REFERENCES "users"("uid") ON DELETE RESTRICT ON UPDATE CASCADE;

-- One row: the last position that was given, and the last whose row was deleted after its retention.
CREATE TABLE "change_feed" (
    "only_row" BOOLEAN NOT NULL DEFAULT true,
    "last_position" BIGINT NOT NULL DEFAULT 0,
    "deleted_position" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "change_feed_pkey" PRIMARY KEY ("only_row"),
    CONSTRAINT "change_feed_only_row_check" CHECK (only_row)
);
INSERT INTO change_feed DEFAULT VALUES;

-- Gives positions to committed changes, oldest first, and returns the last position given. Publishers wait
-- for each other at the row of change_feed, and each statement here sees what was committed before it.
CREATE FUNCTION publish_changes(most INTEGER) RETURNS BIGINT LANGUAGE plpgsql AS $$
DECLARE
  last BIGINT;
  published INTEGER;
BEGIN
  SELECT last_position INTO last FROM change_feed FOR UPDATE;
  UPDATE changes c SET position = last + n.place
  FROM (
    SELECT id, row_number() OVER (ORDER BY id) AS place
    FROM (SELECT id FROM changes WHERE position IS NULL ORDER BY id LIMIT most) due
  ) n
  WHERE c.id = n.id;
  GET DIAGNOSTICS published = ROW_COUNT;
  IF published > 0 THEN
    last := last + published;
    UPDATE change_feed SET last_position = last;
  END IF;
  RETURN last;
END $$;

-- The next instant at which time alone changes the user's answer; null = none. The epoch = not computed
-- yet: a sweep does it.
ALTER TABLE "users" ADD COLUMN "next_boundary_at" TIMESTAMPTZ(3) DEFAULT '1970-01-01 00:00:00+00';
CREATE INDEX users_next_boundary ON users (next_boundary_at) WHERE next_boundary_at IS NOT NULL;

-- What the feed gives as the cause of a refresh: `catalog` or `policy`.
ALTER TABLE "refreshes" ADD COLUMN "cause" TEXT NOT NULL DEFAULT 'catalog';
