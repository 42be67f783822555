import { z } from 'zod';
import type { ReconciliationFinding, ReconciliationRun } from '../generated/prisma/client.ts';
import { isoInstant, isoInstantSchema, jsonOutSchema } from '../http/schemas.ts';
import { findingTypes } from '../projects/finding-types.ts';
import { findingActions } from './core/classify-finding.ts';
import { toApiFields } from './core/field-names.ts';
import { phasesOf } from './phases.ts';
import { progressOf, runStatuses } from './run-store.ts';

const progressSchema = z.strictObject({
  phase: z.string().describe('The current phase'),
  phases_done: z.int(),
  phases: z.int(),
  pages: z.int().describe('Number of pages listed in the whole run'),
  objects: z.int().describe('Number of objects compared in the whole run'),
  objects_per_second: z
    .number()
    .nullable()
    .describe(
      'Number of objects compared per second in this phase; `null` before the first object is compared',
    ),
  seconds_left: z.int().nullable().describe('Estimated time left in this phase; `null` if unknown'),
});

export const runSchema = z
  .strictObject({
    id: z.string(),
    project_id: z.string().nullable().describe('`null` for all projects'),
    user_id: z.string().nullable(),
    dry_run: z.boolean(),
    slot: isoInstantSchema
      .nullable()
      .describe('The time of the schedule for which the run was created; `null` if on demand'),
    status: z
      .enum(runStatuses)
      .describe(
        '`running`: the run has not ended. `done`: everything was compared. `held`: corrections that take access away wait for an operator. `failed`: see `error`.',
      ),
    error: z
      .string()
      .nullable()
      .describe('Why the run could not compare everything; otherwise `null`'),
    account_id: z
      .string()
      .nullable()
      .describe('The id of the Stripe account; `null` if the key may not read the account'),
    started_at: isoInstantSchema,
    finished_at: isoInstantSchema.nullable(),
    progress: progressSchema,
    findings: z.record(z.string(), z.int()).describe('Number of findings by type'),
    actions: z.record(z.string(), z.int()).describe('Number of findings by action'),
  })
  .meta({ id: 'Reconciliation' });

export const findingSchema = z
  .strictObject({
    id: z.string(),
    type: z.enum(findingTypes),
    project_id: z.string().nullable(),
    object: z.strictObject({ type: z.string(), id: z.string() }),
    local: jsonOutSchema.describe(
      'The differing fields in the mirror; `null` if the object is not in the mirror',
    ),
    stripe: jsonOutSchema.describe('The differing fields in Stripe'),
    effect: jsonOutSchema.describe('What users gain and lose through the correction'),
    action: z
      .enum(findingActions)
      .describe(
        '`fixed`: the mirror was corrected. `reported`: nothing was changed. `pending`: undecided until the end of the run. `held`: waits for an operator. `settled`: resolved by another sync or run. `open`: only an operator can resolve it.',
      ),
    created_at: isoInstantSchema,
    resolved_at: isoInstantSchema.nullable(),
  })
  .meta({ id: 'ReconciliationFinding' });

/** The numbers of a run's findings, by type and by action. */
export interface FindingCounts {
  byType: Record<string, number>;
  byAction: Record<string, number>;
}

export function toRunDto(
  run: ReconciliationRun,
  counts: FindingCounts,
  now: number,
): z.infer<typeof runSchema> {
  const progress = progressOf(run);
  const phases = phasesOf(run, progress.forced).map(({ name }) => name);
  const status = z.enum(runStatuses).parse(run.status);
  const until = run.finishedAt?.getTime() ?? now;
  const seconds = (until - progress.phaseStartedAt) / 1000;
  const done = progress.objects - progress.phaseObjects;
  const rate = seconds > 0 && done > 0 ? done / seconds : null;
  const left =
    status === 'running' && rate !== null && progress.expected !== null
      ? Math.ceil(Math.max(0, progress.expected - done) / rate)
      : null;
  return {
    id: run.id,
    project_id: run.projectId,
    user_id: run.userId,
    dry_run: run.dryRun,
    slot: isoInstant(run.slot),
    status,
    error: run.error,
    account_id: run.accountId,
    started_at: isoInstant(run.startedAt),
    finished_at: isoInstant(run.finishedAt),
    progress: {
      phase: progress.phase,
      phases_done:
        status === 'running' || status === 'failed'
          ? Math.max(0, phases.indexOf(progress.phase))
          : phases.length,
      phases: phases.length,
      pages: progress.pages,
      objects: progress.objects,
      objects_per_second: rate === null ? null : Math.round(rate * 10) / 10,
      seconds_left: left,
    },
    findings: counts.byType,
    actions: counts.byAction,
  };
}

export function toFindingDto(row: ReconciliationFinding): z.infer<typeof findingSchema> {
  return {
    id: String(row.id),
    type: z.enum(findingTypes).parse(row.type),
    project_id: row.projectId,
    object: { type: row.objectType, id: row.objectId },
    local: sideOf(row.local),
    stripe: sideOf(row.stripe),
    effect: z.json().parse(row.effect),
    action: z.enum(findingActions).parse(row.action),
    created_at: isoInstant(row.createdAt),
    resolved_at: isoInstant(row.resolvedAt),
  };
}

/** Returns an object's stored fields under their API names. */
function sideOf(stored: unknown) {
  const fields = z.record(z.string(), z.json()).nullable().parse(stored);
  return fields === null ? null : toApiFields(fields);
}
