import type { Tx } from '../platform/database.ts';
import type { FindingType } from '../projects/finding-types.ts';
import type { Fields } from './diff.ts';
import { loses, type UserEffect } from './user-effect.ts';
import type { FindingAction } from './classify-finding.ts';

/** What is written down of a finding. `objectType` is `event` for an event that never came. */
export interface NewFinding {
  type: FindingType;
  difference: { objectType: string; objectId: string; local: Fields | null; stripe: Fields | null };
  effects: readonly UserEffect[];
  projectId: string | null;
  action: FindingAction;
}

/** How many users a finding names; `users_affected` counts them all. */
const namedUsers = 100;

/** One finding per object and run. What a run has mended stays written down as that. */
export async function recordFinding(
  tx: Tx,
  now: number,
  runId: string,
  { type, difference, effects, projectId, action }: NewFinding,
): Promise<void> {
  const { objectType, objectId, local, stripe } = difference;
  const losers = effects.filter(loses).map(({ uid }) => uid);
  const at = new Date(now);
  // One statement: an instance that was taken over from may still be about the same object.
  await tx.$executeRaw`
    insert into reconciliation_findings as former (run_id, object_type, object_id, type, project_id,
      local, stripe, effect, loser_uids, action, created_at, resolved_at)
    values (${runId}, ${objectType}, ${objectId}, ${type}, ${projectId}, ${json(local)}::jsonb,
      ${json(stripe)}::jsonb, ${json(effectOut(effects))}::jsonb, ${losers}::bigint[], ${action},
      ${at}, ${action === 'fixed' ? at : null})
    on conflict (run_id, object_type, object_id) do update set type = excluded.type,
      project_id = excluded.project_id, local = excluded.local, stripe = excluded.stripe,
      effect = excluded.effect, loser_uids = excluded.loser_uids, action = excluded.action,
      resolved_at = excluded.resolved_at
    where former.action <> 'fixed'`;
}

/** SQL's null, not JSON's, where there is nothing. */
function json(value: object | null): string | null {
  return value === null ? null : JSON.stringify(value);
}

function effectOut(effects: readonly UserEffect[]) {
  return {
    users_affected: effects.length,
    users: effects.slice(0, namedUsers).map(({ projectId, userId, gains, losses, lowered }) => ({
      project_id: projectId,
      user_id: userId,
      gains,
      losses,
      lowered,
    })),
  };
}
