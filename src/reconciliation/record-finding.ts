import type { Tx } from '../platform/database.ts';
import type { FindingType } from '../projects/finding-types.ts';
import type { FindingAction } from './core/classify-finding.ts';
import type { Fields } from './core/diff.ts';
import { loses, type UserEffect } from './core/user-effect.ts';

/** A finding to store. `objectType` is `event` for an event that was never delivered. */
export interface NewFinding {
  type: FindingType;
  difference: { objectType: string; objectId: string; local: Fields | null; stripe: Fields | null };
  effects: readonly UserEffect[];
  projectId: string | null;
  action: FindingAction;
}

/** Maximum number of users to list in a finding. `users_affected` is the number of all of them. */
const maxUsers = 100;

/** Stores a finding, at most one per object and run. A `fixed` finding is never overwritten. */
export async function recordFinding(
  tx: Tx,
  now: number,
  runId: string,
  { type, difference, effects, projectId, action }: NewFinding,
): Promise<void> {
  const { objectType, objectId, local, stripe } = difference;
  const losers = effects.filter(loses).map(({ uid }) => uid);
  const at = new Date(now);
  // A single statement, because an instance that has lost the run may still write about the same object.
  await tx.$executeRaw`
    insert into reconciliation_findings as former (run_id, object_type, object_id, type, project_id,
      local, stripe, effect, loser_uids, action, created_at, resolved_at)
    values (${runId}, ${objectType}, ${objectId}, ${type}, ${projectId}, ${json(local)}::jsonb,
      ${json(stripe)}::jsonb, ${json(toEffectDto(effects))}::jsonb, ${losers}::bigint[], ${action},
      ${at}, ${action === 'fixed' ? at : null})
    on conflict (run_id, object_type, object_id) do update set type = excluded.type,
      project_id = excluded.project_id, local = excluded.local, stripe = excluded.stripe,
      effect = excluded.effect, loser_uids = excluded.loser_uids, action = excluded.action,
      resolved_at = excluded.resolved_at
    where former.action <> 'fixed'`;
}

/** Returns a JSON string, or null for null, so that the column is set to SQL null. */
function json(value: object | null): string | null {
  return value === null ? null : JSON.stringify(value);
}

function toEffectDto(effects: readonly UserEffect[]) {
  return {
    users_affected: effects.length,
    users: effects.slice(0, maxUsers).map(({ projectId, userId, gains, losses, lowered }) => ({
      project_id: projectId,
      user_id: userId,
      gains,
      losses,
      lowered,
    })),
  };
}
