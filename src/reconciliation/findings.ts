import type { Tx } from '../platform/database.ts';
import type { FindingType } from '../projects/finding-types.ts';
import type { Fields } from './diff.ts';
import { loses, type UserEffect } from './effect.ts';
import type { FindingAction } from './finding.ts';

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
  const key = { runId, objectType, objectId };
  const former = await tx.reconciliationFinding.findUnique({
    where: { runId_objectType_objectId: key },
    select: { action: true, id: true },
  });
  if (former?.action === 'fixed') return;
  const data = {
    ...key,
    type,
    projectId,
    ...(local === null ? {} : { local }),
    ...(stripe === null ? {} : { stripe }),
    effect: effectOut(effects),
    loserUids: effects.filter(loses).map(({ uid }) => uid),
    action,
    resolvedAt: action === 'fixed' ? new Date(now) : null,
  };
  if (former === null) {
    await tx.reconciliationFinding.create({ data: { ...data, createdAt: new Date(now) } });
  } else {
    await tx.reconciliationFinding.update({ where: { id: former.id }, data });
  }
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
