ALTER TABLE "followed_objects" ADD COLUMN "project_id" TEXT NOT NULL DEFAULT '';

-- A claim skips from project to project. An instance of the release before sorts what is due.
DROP INDEX followed_objects_wanted;
CREATE INDEX followed_objects_wanted
  ON followed_objects (urgency, project_id, (coalesce(next_attempt_at, wanted_at)))
  WHERE wanted > fetched;
