import type { FastifyRequest } from 'fastify';
import type { AuditRecord } from '../audit/record.ts';
import type { Database } from '../platform/database.ts';
import { projectFor } from './access.ts';
import { callerOf } from './caller.ts';

/** Who makes a change, in which project, by which request. */
export type Operator = Pick<AuditRecord, 'actor' | 'requestId'> & { projectId: string };

/** Returns the operator of a request, as the audit names them. */
export async function operatorFor(
  deps: { database: Database },
  request: FastifyRequest,
  givenProject: string | undefined,
): Promise<Operator> {
  const caller = callerOf(request);
  const projectId = await projectFor(deps, caller, givenProject);
  return { projectId, actor: caller.actor, requestId: request.id };
}
