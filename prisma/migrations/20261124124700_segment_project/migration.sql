-- Who may use a feature: feature codes are a project's own, and the same ones are used everywhere, so
-- that without the project a small one's list would read through a large one's users.
ALTER TABLE entitlement_segments ADD COLUMN project_id TEXT;
UPDATE entitlement_segments s SET project_id = u.project_id FROM users u WHERE u.uid = s.uid;

-- Filled here rather than by the writer: a user never changes its project, and instances of the last
-- release, which know of no such column, write while this is applied.
CREATE FUNCTION segment_project() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  SELECT project_id INTO NEW.project_id FROM users WHERE uid = NEW.uid;
  RETURN NEW;
END $$;
CREATE TRIGGER entitlement_segments_project BEFORE INSERT ON entitlement_segments
  FOR EACH ROW WHEN (NEW.project_id IS NULL) EXECUTE FUNCTION segment_project();
ALTER TABLE entitlement_segments ALTER COLUMN project_id SET NOT NULL;

-- In the order of the list, with the window, so that what is over is passed over in the index.
CREATE INDEX entitlement_segments_by_feature_of_project ON entitlement_segments
  (project_id, feature_code, uid, valid_from, coalesce(valid_to, 'infinity'))
  WHERE superseded_at IS NULL AND allowed;
DROP INDEX entitlement_segments_by_feature;
