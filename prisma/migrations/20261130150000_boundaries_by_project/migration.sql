-- Boundaries are swept project by project, so that one with many delays no other's.
CREATE INDEX users_next_boundary_of_project ON users (project_id, next_boundary_at)
  WHERE next_boundary_at IS NOT NULL;
