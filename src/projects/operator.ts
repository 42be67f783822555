import type { FastifyRequest } from 'fastify';
import type { AuditRecord } from '../audit/record.ts';
import type { Database } from '../platform/database.ts';
import { projectFor } from './access.ts';
import { callerOf } from './caller.ts';

/** Who says it, in which project, in which request. */
export type Operator = Pick<AuditRecord, 'actor' | 'requestId'> & { projectId: string };

/**
 * Whoever makes a request about a project, as the audit names them.
 *
 * @throws ProblemError as `projectFor` does.
 */
export async function operatorFor(
  deps: { database: Database },
  request: FastifyRequest,
  givenProject: string | undefined,
): Promise<Operator> {
  const caller = callerOf(request);
  const projectId = await projectFor(deps, caller, givenProject);
  return { projectId, actor: caller.actor, requestId: request.id };
}
