import { z } from 'zod';
import { type AuditRecord, recordAudit } from '../audit/record.ts';
import type { KeepAnswer } from '../http/idempotency.ts';
import { ProblemError } from '../http/problem.ts';
import type { Clock } from '../platform/clock.ts';
import type { Database, Tx } from '../platform/database.ts';
import { type EventOut, loadEvent } from './stored-events.ts';
import { enqueueObjects } from './enqueue.ts';
import type { SyncedType } from './events.ts';
import type { SyncedRef } from './sync-queue.ts';
import { namedObjects } from './triage.ts';

export interface ReplayDeps {
  clock: Clock;
  database: Database;
  /** Tells the worker of this process that an object is wanted. */
  wake: () => void;
}

/** Who asks, in which request, and for which project; `projectId` null = the platform, for all. */
export type Replayer = Pick<AuditRecord, 'actor' | 'requestId' | 'projectId'>;

/** An event as it stands right after it was replayed. */
export interface Replayed {
  event: EventOut;
  audit_id: string;
}

/**
 * Fetches an event's object again, before all that can wait and with all its tries back; an event that
 * was processed may be replayed too. What is fetched is what Stripe says now, so a replay does no harm.
 *
 * @throws ProblemError event_not_found, event_ignored
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
  if (found === null) throw new ProblemError('event_not_found');
  const { object, status } = found.event;
  if (status === 'ignored' || object === null) {
    throw new ProblemError(
      'event_ignored',
      `The event was ignored (${found.event.outcome}): there is no object to fetch for it.`,
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

/** All that the event made wanted; where its payload is kept no longer, the one that access depends on. */
function objectsOf(
  type: string,
  object: { type: string; id: string },
  payload: unknown,
): SyncedRef[] {
  const named = storedSchema.safeParse(payload);
  const objects = named.success ? namedObjects(type, named.data.data.object) : [];
  const objectType = object.type as SyncedType; // written by storeEvent from the table of events
  return objects.length > 0 ? objects : [{ objectType, objectId: object.id }];
}

const storedSchema = z.object({ data: z.object({ object: z.unknown() }) });

/** The project whose audit tells of it, where the platform names none. */
async function loadOnlyProject(
  tx: Tx,
  object: { type: string; id: string },
): Promise<string | null> {
  const [owner, another] = await tx.$queryRaw<{ project_id: string }[]>`
    select distinct project_id from object_owners
    where object_type = ${object.type} and object_id = ${object.id}`;
  return owner === undefined || another !== undefined ? null : owner.project_id;
}
