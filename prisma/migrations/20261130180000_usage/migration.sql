-- Usage of metered features. The tables are new, so instances that run ignore them. They have no foreign key
-- to users, whose check would wait for transactions that lock the user.

-- The row that is locked while the usage of a user changes.
CREATE TABLE "usage_users" (
    "uid" BIGINT NOT NULL,

    CONSTRAINT "usage_users_pkey" PRIMARY KEY ("uid")
);

-- The usage of one part over one period.
CREATE TABLE "usage_buckets" (
    "uid" BIGINT NOT NULL,
    "feature_code" TEXT NOT NULL,
    "part" TEXT NOT NULL,
    "period_start" TIMESTAMPTZ(3) NOT NULL,
    "period_end" TIMESTAMPTZ(3),
    "schedule" TEXT NOT NULL,
    "amount" BIGINT,
    "used" BIGINT NOT NULL,
    "used_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "usage_buckets_pkey" PRIMARY KEY ("uid", "feature_code", "part", "period_start"),
    CONSTRAINT "usage_buckets_used" CHECK (used >= 0)
    -- Room for new versions of a row on its page, because no index has a column that changes.
) WITH (fillfactor = 70);

-- The ledger, by month. Rows of a month without a partition are in the default partition.
CREATE TABLE "usage_entries" (
    "id" TEXT COLLATE "C" NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "project_id" TEXT NOT NULL,
    "uid" BIGINT NOT NULL,
    "feature_code" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "amount" BIGINT NOT NULL,
    "bookings" JSONB NOT NULL,
    "key" TEXT,
    "metadata" JSONB,
    "balance_after" BIGINT,
    "reversal" TEXT,

    CONSTRAINT "usage_entries_pkey" PRIMARY KEY ("at", "id"),
    CONSTRAINT "usage_entries_kind" CHECK (kind IN ('consume', 'hold', 'settle', 'reverse'))
) PARTITION BY RANGE ("at");

CREATE INDEX "usage_entries_uid_at_idx" ON "usage_entries"("uid", "at");
CREATE INDEX "usage_entries_project_id_at_idx" ON "usage_entries"("project_id", "at");

-- Safe for instances that run: the table is new.
CREATE TABLE "usage_entries_default" PARTITION OF "usage_entries" DEFAULT;

CREATE TABLE "usage_holds" (
    "id" TEXT NOT NULL,
    "uid" BIGINT NOT NULL,
    "project_id" TEXT NOT NULL,
    "feature_code" TEXT NOT NULL,
    "bookings" JSONB NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "ended_at" TIMESTAMPTZ(3),
    "answer" TEXT,

    CONSTRAINT "usage_holds_pkey" PRIMARY KEY ("id")
);

CREATE INDEX "usage_holds_expires_at_idx" ON "usage_holds"("expires_at");
CREATE INDEX usage_holds_open ON usage_holds (uid, feature_code, expires_at) WHERE ended_at IS NULL;

-- The answer to each idempotency key, written in the transaction of what it did.
CREATE TABLE "usage_keys" (
    "project_id" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "request_hash" BYTEA NOT NULL,
    "answer" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "usage_keys_pkey" PRIMARY KEY ("project_id", "key")
);

CREATE INDEX "usage_keys_at_idx" ON "usage_keys" USING BRIN ("at");
