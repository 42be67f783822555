-- The usage of each user, feature and UTC day, kept without end. Entries are summed here before they are deleted.
CREATE TABLE "usage_days" (
    "uid" BIGINT NOT NULL,
    "feature_code" TEXT NOT NULL,
    "day" DATE NOT NULL,
    "project_id" TEXT NOT NULL,
    "used" BIGINT NOT NULL,
    "reversed" BIGINT NOT NULL,

    CONSTRAINT "usage_days_pkey" PRIMARY KEY ("uid", "feature_code", "day")
);

CREATE INDEX "usage_days_day_project_id_idx" ON "usage_days"("day", "project_id");

-- A single row: how far entries are summed, and how far usage is deleted.
CREATE TABLE "usage_retention" (
    "id" INTEGER NOT NULL DEFAULT 1,
    "summed_until" TIMESTAMPTZ(3),
    "purged_until" TIMESTAMPTZ(3),

    CONSTRAINT "usage_retention_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "usage_retention_id" CHECK (id = 1)
);

INSERT INTO usage_retention DEFAULT VALUES;

-- Old keys are deleted by blocks of the table, once a month.
DROP INDEX "usage_keys_at_idx";

-- Safe for instances that run: it adds empty partitions of a table that they do not know. The service creates
-- those of later months.
DO $$
DECLARE
    month TIMESTAMP;
    name TEXT;
BEGIN
    FOR month IN SELECT generate_series(
        date_trunc('month', now() AT TIME ZONE 'UTC'),
        date_trunc('month', now() AT TIME ZONE 'UTC') + INTERVAL '3 months', '1 month')
    LOOP
        name := to_char(month, '"usage_entries_"YYYY_MM');
        EXECUTE format('CREATE TABLE %I (LIKE usage_entries INCLUDING ALL)', name);
        IF NOT EXISTS (
            SELECT FROM usage_entries_default
            WHERE at >= month AT TIME ZONE 'UTC' AND at < (month + INTERVAL '1 month') AT TIME ZONE 'UTC')
        THEN
            EXECUTE format('ALTER TABLE usage_entries ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                name, month AT TIME ZONE 'UTC', (month + INTERVAL '1 month') AT TIME ZONE 'UTC');
        ELSE
            EXECUTE format('DROP TABLE %I', name);
        END IF;
    END LOOP;
END $$;
