-- CreateTable
CREATE TABLE "clock_notes" (
    "id" INTEGER NOT NULL DEFAULT 1,
    "seen_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "clock_notes_pkey" PRIMARY KEY ("id")
);
ALTER TABLE clock_notes ADD CONSTRAINT clock_notes_one CHECK (id = 1);

-- Notes the time. Where the clock was set back by more than a second, since the last note or as the
-- caller measured it, what is stored for a later instant is moved by as much. To move twice does no
-- harm: a lease ends earlier, and a retry comes earlier. Returns by how much.
CREATE FUNCTION settle_clock(at timestamptz, measured interval) RETURNS interval LANGUAGE plpgsql AS $$
DECLARE
  noted timestamptz;
  step interval;
BEGIN
  INSERT INTO clock_notes (id, seen_at) VALUES (1, at) ON CONFLICT (id) DO NOTHING;
  SELECT seen_at INTO noted FROM clock_notes WHERE id = 1 FOR UPDATE;
  UPDATE clock_notes SET seen_at = at WHERE id = 1;
  step := greatest(measured, noted - at);
  IF step <= interval '1 second' THEN
    RETURN interval '0';
  END IF;

  UPDATE followed_objects SET
    wanted_at = least(wanted_at, at), told_at = least(told_at, at), failed_at = least(failed_at, at),
    lease_until = CASE WHEN lease_until > at THEN lease_until - step ELSE lease_until END,
    next_attempt_at = CASE WHEN next_attempt_at > at THEN next_attempt_at - step ELSE next_attempt_at END
  WHERE wanted_at > at OR told_at > at OR failed_at > at OR lease_until > at OR next_attempt_at > at;
  UPDATE link_pairs SET
    lease_until = CASE WHEN lease_until > at THEN lease_until - step ELSE lease_until END,
    next_attempt_at = CASE WHEN next_attempt_at > at THEN next_attempt_at - step ELSE next_attempt_at END
  WHERE lease_until > at OR next_attempt_at > at;
  UPDATE reconciliation_runs SET lease_until = lease_until - step WHERE lease_until > at;
  UPDATE stripe_budget SET refilled_at = at WHERE refilled_at > at;
  UPDATE users SET
    cache_pending_at = least(cache_pending_at, at), refresh_failed_at = least(refresh_failed_at, at)
  WHERE cache_pending_at > at OR refresh_failed_at > at;
  RETURN step;
END $$;
