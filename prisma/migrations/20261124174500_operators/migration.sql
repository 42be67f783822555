-- A user whose timeline cannot be computed stands aside for a while, so that the others get their turn.
-- AlterTable
ALTER TABLE "users" ADD COLUMN "refresh_failed_at" TIMESTAMPTZ(3);

-- What is ignored is nobody's: no object is kept of it.
ALTER TABLE webhook_events
  ADD CONSTRAINT webhook_events_ignored CHECK (outcome = 'accepted' OR object_id IS NULL);

-- The audit is append-only for a session that says it is a replica, too; and whoever owns the table
-- would have to give itself the right to change it before it could even meet the trigger.
ALTER TABLE audit_entries ENABLE ALWAYS TRIGGER audit_entries_append_only;
REVOKE UPDATE, DELETE, TRUNCATE ON audit_entries FROM PUBLIC, CURRENT_USER;
