import { z } from 'zod';
import { type AuditRecord, recordAudit } from '../audit/record.ts';
import type { Deps } from '../deps.ts';
import type { KeepAnswer } from '../http/idempotency.ts';
import { notFound } from '../http/not-found.ts';
import { ProblemError } from '../http/problem.ts';
import type { Tx } from '../platform/database.ts';
import type { SyncedType } from './core/events.ts';
import type { SyncedRef } from './core/synced-object.ts';
import { enqueueObjects } from './enqueue.ts';
import { type EventDto, loadEvent } from './stored-events.ts';
import { namedObjects } from './triage.ts';

export interface ReplayDeps extends Pick<Deps, 'clock' | 'database'> {
  /** Wakes the worker of this process. */
  wake: () => void;
}

/** The caller, the request and the project; a null project means all projects (platform key). */
type Replayer = Pick<AuditRecord, 'actor' | 'requestId' | 'projectId'>;

/** An event as it is right after its replay. */
interface Replayed {
  event: EventDto;
  audit_id: string;
}

/**
 * Enqueues an event's objects again, with the highest urgency and a full set of attempts. A processed event
 * may be replayed too. The objects are fetched from Stripe as they are now, not as the event shows them.
 */
export async function replayEvent(
  deps: ReplayDeps,
  replayer: Replayer,
  id: string,
  reason: string | undefined,
  keep: KeepAnswer<Replayed>,
): Promise<Replayed> {
  const { database, clock } = deps;
  const { projectId } = replayer;
  const found = await loadEvent(database.prisma, projectId, id);
  if (found === null) throw notFound('event_not_found', 'id', id);
  const { object, status } = found.event;
  if (status === 'ignored' || object === null) {
    throw new ProblemError(
      'event_ignored',
      `The event was ignored (${found.event.outcome}): it has no object to fetch.`,
    );
  }
  const objects = objectsOf(found.event.type, object, found.payload);
  const replayed = await database.transaction(async (tx) => {
    const now = clock();
    await enqueueObjects(tx, objects, 0, now);
    const auditId = await recordAudit(tx, {
      ...replayer,
      projectId: projectId ?? (await loadOnlyProject(tx, object)),
      action: 'event.replay',
      targetType: 'event',
      targetId: id,
      ...(reason === undefined ? {} : { reason }),
      before: { status },
      after: { object: { ...object } },
      at: now,
    });
    const after = await loadEvent(tx, projectId, id);
    const replayed = { event: (after ?? found).event, audit_id: auditId };
    await keep(tx, replayed);
    return replayed;
  });
  deps.wake();
  return replayed;
}

/**
 * Returns the objects that the event enqueued, or only the first one if the event's payload is not stored.
 */
function objectsOf(
  type: string,
  object: { type: string; id: string },
  payload: unknown,
): SyncedRef[] {
  const named = storedSchema.safeParse(payload);
  const objects = named.success ? namedObjects(type, named.data.data.object) : [];
  const objectType = object.type as SyncedType; // stored from `eventRules`
  return objects.length > 0 ? objects : [{ objectType, objectId: object.id }];
}

const storedSchema = z.object({ data: z.object({ object: z.unknown() }) });

/** Loads the project that owns the object, if exactly one does. */
async function loadOnlyProject(
  tx: Tx,
  object: { type: string; id: string },
): Promise<string | null> {
  const [owner, another] = await tx.$queryRaw<{ project_id: string }[]>`
    select distinct project_id from object_owners
    where object_type = ${object.type} and object_id = ${object.id}`;
  return owner === undefined || another !== undefined ? null : owner.project_id;
}
