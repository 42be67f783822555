-- CreateTable
CREATE TABLE "link_runs" (
    "id" TEXT NOT NULL,
    "project_id" TEXT NOT NULL,
    "actor" TEXT NOT NULL,
    "reason" TEXT,
    "request_id" TEXT NOT NULL,
    "pairs" INTEGER NOT NULL,
    "started_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "link_runs_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "link_pairs" (
    "run_id" TEXT NOT NULL,
    "position" INTEGER NOT NULL,
    "user_id" TEXT NOT NULL,
    "customer_id" TEXT NOT NULL,
    "status" TEXT NOT NULL DEFAULT 'pending',
    "code" TEXT,
    "objects" INTEGER,
    "lease_until" TIMESTAMPTZ(3),
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "next_attempt_at" TIMESTAMPTZ(3),
    "ended_at" TIMESTAMPTZ(3),

    CONSTRAINT "link_pairs_pkey" PRIMARY KEY ("run_id","position")
);

-- AddForeignKey
ALTER TABLE "link_runs" ADD CONSTRAINT "link_runs_project_id_fkey" FOREIGN KEY ("project_id") REFERENCES "projects"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "link_pairs" ADD CONSTRAINT "link_pairs_run_id_fkey" FOREIGN KEY ("run_id") REFERENCES "link_runs"("id") ON DELETE CASCADE ON UPDATE CASCADE;

ALTER TABLE link_pairs ADD CONSTRAINT link_pairs_status CHECK (status IN ('pending', 'linked', 'refused'));
ALTER TABLE link_pairs ADD CONSTRAINT link_pairs_ended CHECK ((status = 'pending') = (ended_at IS NULL));

-- What is still to be done is found by a small index.
CREATE INDEX link_pairs_pending ON link_pairs (run_id, position) WHERE status = 'pending';
