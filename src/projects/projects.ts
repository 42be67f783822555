import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { recordAudit } from '../audit/record.ts';
import type { Operator } from '../auth/project-access.ts';
import {
  type RefreshState,
  updateCatalog,
  type UpdateCatalogDeps,
} from '../entitlements/refresh/update-catalog.ts';
import type { Project } from '../generated/prisma/client.ts';
import type { KeepAnswer } from '../http/idempotency.ts';
import { ProblemError } from '../http/problem.ts';
import { isoInstant, isoInstantSchema } from '../http/schemas.ts';
import type { Tx } from '../platform/database.ts';
import { backfillUnowned } from './backfill-unowned.ts';
import {
  isPolicy,
  settingsColumns,
  type SettingsInput,
  settingsOf,
  settingsSchema,
} from './settings.ts';

export const projectSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    settings: settingsSchema,
    created_at: isoInstantSchema,
    updated_at: isoInstantSchema,
  })
  .meta({ id: 'Project' });

/**
 * Creates the project `by.projectId` with its audit row, and enqueues the objects bought before the project
 * existed.
 *
 * @throws ProblemError `project_exists`.
 */
export async function createProject(
  { database, clock }: UpdateCatalogDeps,
  by: Operator,
  { name, settings = {} }: { name: string; settings?: SettingsInput | undefined },
  keep: KeepAnswer<Project>,
): Promise<Project> {
  const { projectId: id } = by;
  const now = clock();
  const createdAt = new Date(now);
  return database.transaction(async (tx) => {
    const [project] = await tx.project.createManyAndReturn({
      data: [{ id, name, ...settingsColumns(settings), createdAt, updatedAt: createdAt }],
      skipDuplicates: true,
    });
    if (project === undefined) {
      throw new ProblemError('project_exists', undefined, [
        { path: 'id', message: 'is the id of another project: choose another' },
      ]);
    }
    await recordAudit(tx, {
      ...by,
      action: 'project.create',
      targetType: 'project',
      targetId: id,
      after: audited(project),
      at: now,
    });
    await backfillUnowned(tx, id, now);
    await keep(tx, project);
    return project;
  });
}

/**
 * Changes the name or settings of a project, with an audit row if anything differs. Changing an access
 * setting also recomputes the project's users.
 */
export async function updateProject(
  deps: UpdateCatalogDeps,
  by: Operator,
  { name, settings = {} }: { name?: string | undefined; settings?: SettingsInput | undefined },
): Promise<{ project: Project; refresh?: RefreshState }> {
  const { projectId: id } = by;
  const write = async (tx: Tx): Promise<Project> => {
    const now = deps.clock();
    // With the lock, `before` in the audit row is exact. Rows that refer to the project are not blocked.
    await tx.$queryRaw`select from projects where id = ${id} for no key update`;
    const before = await tx.project.findUniqueOrThrow({ where: { id } });
    const changes = { ...(name === undefined ? {} : { name }), ...settingsColumns(settings) };
    const states = { before: audited(before), after: audited({ ...before, ...changes }) };
    if (isDeepStrictEqual(states.before, states.after)) return before;
    await recordAudit(tx, {
      ...by,
      action: 'project.update',
      targetType: 'project',
      targetId: id,
      ...states,
      at: now,
    });
    return tx.project.update({ where: { id }, data: { ...changes, updatedAt: new Date(now) } });
  };
  if (!isPolicy(settings)) return { project: await deps.database.transaction(write) };
  const { result: project, refresh } = await updateCatalog(deps, id, 'policy', write);
  return { project, refresh };
}

/** Returns the fields of a project that the audit log records. */
function audited(row: Project) {
  return { name: row.name, settings: settingsOf(row) };
}

export function toProjectDto(row: Project): z.infer<typeof projectSchema> {
  return {
    id: row.id,
    name: row.name,
    settings: settingsOf(row),
    created_at: isoInstant(row.createdAt),
    updated_at: isoInstant(row.updatedAt),
  };
}
