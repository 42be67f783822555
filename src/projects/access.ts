import { ProblemError } from '../http/problem.ts';
import type { Database } from '../platform/database.ts';
import type { Caller } from './caller.ts';

/**
 * Returns the project of a request. The key's own project costs no query; any other looks like one that
 * does not exist.
 *
 * @throws ProblemError `project_id_required` (platform key without a project), `project_not_found`.
 */
export async function projectFor(
  deps: { database: Database },
  caller: Caller,
  given: string | undefined,
): Promise<string> {
  if (caller.projectId !== null) {
    if (given !== undefined && given !== caller.projectId) throw projectNotFound(caller, given);
    return caller.projectId;
  }
  if (given === undefined) throw projectIdRequired();
  const project = await deps.database.prisma.project.findUnique({
    where: { id: given },
    select: { id: true },
  });
  if (project === null) throw projectNotFound(caller, given);
  return project.id;
}

/**
 * Creates a `projectFor` that remembers the projects it found, for requests that apps send all the time and
 * that are answered while Postgres is down. Projects are never deleted, so the memory stays valid.
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

/** Returns the project of a list; null = all of them, for the platform key without a project. */
export async function projectScope(
  deps: { database: Database },
  caller: Caller,
  given: string | undefined,
): Promise<string | null> {
  return caller.projectId === null && given === undefined ? null : projectFor(deps, caller, given);
}

/** Returns the problem of a request by the platform key that has to name a project and does not. */
export function projectIdRequired(): ProblemError {
  return new ProblemError('project_id_required', undefined, [
    {
      path: 'project_id',
      message:
        'is required with the platform key: send it in the query of GET and DELETE, or in the body of POST, PUT and PATCH',
    },
  ]);
}

/** A project's key gets the same words for another project as for one that does not exist. */
function projectNotFound({ projectId }: Caller, given: string): ProblemError {
  return new ProblemError(
    'project_not_found',
    projectId === null
      ? `There is no project \`${given}\`. GET /api/v1/admin/projects lists all.`
      : `The key belongs to project \`${projectId}\` and sees no other: send that, or leave \`project_id\` out.`,
  );
}
