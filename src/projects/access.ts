import { ProblemError } from '../http/problem.ts';
import type { Database } from '../platform/database.ts';
import type { Caller } from './caller.ts';

/**
 * The project that a request is about. A key's own needs no query; another than the key's answers as
 * one that does not exist.
 *
 * @throws ProblemError `project_id_required` (platform key without one), `project_not_found`.
 */
export async function projectFor(
  deps: { database: Database },
  caller: Caller,
  given: string | undefined,
): Promise<string> {
  if (caller.projectId !== null) {
    if (given !== undefined && given !== caller.projectId) throw projectNotFound();
    return caller.projectId;
  }
  if (given === undefined) throw new ProblemError('project_id_required');
  const project = await deps.database.prisma.project.findUnique({
    where: { id: given },
    select: { id: true },
  });
  if (project === null) throw projectNotFound();
  return project.id;
}

/**
 * The same for what apps ask on every request they serve, and while Postgres is away: a project that was
 * found is remembered. Projects are never deleted, so a yes stays true.
 */
export function createProjectLookup(deps: {
  database: Database;
}): (caller: Caller, given: string | undefined) => Promise<string> {
  const known = new Set<string>();
  return async (caller, given) => {
    if (caller.projectId === null && given !== undefined && known.has(given)) return given;
    const projectId = await projectFor(deps, caller, given);
    known.add(projectId);
    return projectId;
  };
}

/** The project that a list is about; null = all of them, which is the platform key's without one. */
export async function projectScope(
  deps: { database: Database },
  caller: Caller,
  given: string | undefined,
): Promise<string | null> {
  return caller.projectId === null && given === undefined ? null : projectFor(deps, caller, given);
}

function projectNotFound(): ProblemError {
  return new ProblemError('project_not_found');
}
