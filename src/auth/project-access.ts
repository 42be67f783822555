import type { FastifyRequest } from 'fastify';
import { ProblemError } from '../http/problem.ts';
import type { Database } from '../platform/database.ts';
import { type Caller, callerOf, readableUser } from './caller.ts';

/** The project of a list; null for all projects (platform key without a project). */
export type ProjectScope = string | null;

/** The author of a change, with the project and the request. */
export interface Operator<Project extends ProjectScope = string> {
  projectId: Project;
  /** The key's id, or `platform`. */
  actor: string;
  requestId: string;
}

/**
 * Determines the project of a request: the key's own project, or the one that a request with the platform key
 * names. A project that the key may not see is handled like a missing one.
 */
export interface ProjectAccess {
  /**
   * Returns the project of a request.
   *
   * @throws ProblemError `project_id_required` (platform key without a project), `project_not_found`.
   */
  projectOf(request: FastifyRequest, given: string | undefined): Promise<string>;
  /**
   * Returns the user that a request reads.
   *
   * @throws ProblemError `scope_missing` if the request has another user's token, and the errors of
   *   `projectOf`.
   */
  userOf(
    request: FastifyRequest,
    given: { project_id?: string | undefined; user_id: string },
  ): Promise<{ projectId: string; userId: string }>;
  /**
   * Returns the project scope of a list request.
   *
   * @throws ProblemError `project_not_found`.
   */
  scopeOf(request: FastifyRequest, given: string | undefined): Promise<ProjectScope>;
  /**
   * Returns the operator of a request, as recorded in the audit log. Throws the same errors as `projectOf`.
   */
  operatorOf(request: FastifyRequest, given: string | undefined): Promise<Operator>;
  /** Returns the operator for a path with a unique id, for which the platform key needs no project. */
  scopedOperatorOf(
    request: FastifyRequest,
    given: string | undefined,
  ): Promise<Operator<ProjectScope>>;
}

/**
 * Creates the access to projects. The key's own project costs no query. Any other existing project costs one
 * query per process, because projects are never deleted and can be cached. So cached reads with the platform
 * key work even while Postgres is down.
 */
export function createProjectAccess({ database }: { database: Database }): ProjectAccess {
  const known = new Set<string>();

  async function projectOf(request: FastifyRequest, given: string | undefined): Promise<string> {
    const caller = callerOf(request);
    if (caller.projectId !== null) {
      if (given !== undefined && given !== caller.projectId) throw projectNotFound(caller, given);
      return caller.projectId;
    }
    if (given === undefined) throw projectIdRequired();
    if (!known.has(given)) {
      const project = await database.prisma.project.findUnique({
        where: { id: given },
        select: { id: true },
      });
      if (project === null) throw projectNotFound(caller, given);
      known.add(given);
    }
    return given;
  }

  async function scopeOf(
    request: FastifyRequest,
    given: string | undefined,
  ): Promise<ProjectScope> {
    const isPlatform = callerOf(request).projectId === null;
    return isPlatform && given === undefined ? null : projectOf(request, given);
  }

  return {
    projectOf,
    async userOf(request, given) {
      const userId = readableUser(callerOf(request), given.user_id);
      return { projectId: await projectOf(request, given.project_id), userId };
    },
    scopeOf,
    async operatorOf(request, given) {
      return { projectId: await projectOf(request, given), ...actorOf(request) };
    },
    async scopedOperatorOf(request, given) {
      return { projectId: await scopeOf(request, given), ...actorOf(request) };
    },
  };
}

function actorOf(request: FastifyRequest): Pick<Operator, 'actor' | 'requestId'> {
  return { actor: callerOf(request).actor, requestId: request.id };
}

/** Returns the problem for a request with the platform key that lacks a required `project_id`. */
export function projectIdRequired(): ProblemError {
  return new ProblemError('project_id_required', undefined, [
    {
      path: 'project_id',
      message:
        'is required with the platform key: send it in the query of GET and DELETE, or in the body of POST, PUT and PATCH',
    },
  ]);
}

/** Returns the problem for a project that the key may not see. It depends only on what the caller sent. */
function projectNotFound({ projectId }: Caller, given: string): ProblemError {
  return new ProblemError(
    'project_not_found',
    projectId === null
      ? `Project \`${given}\` does not exist. GET /api/v1/admin/projects lists all projects.`
      : `The key belongs to project \`${projectId}\` and may not see others. Send that \`project_id\`, or leave it out.`,
  );
}
