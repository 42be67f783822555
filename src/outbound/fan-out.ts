import { loadChanges } from '../changes/load-changes.ts';
import { toChangeDto } from '../changes/schemas.ts';
import { loadDatabaseIdentity } from '../entitlements/read/database-identity.ts';
import type { Clock } from '../platform/clock.ts';
import type { Database } from '../platform/database.ts';
import { newId } from '../platform/ids.ts';
import { typeOfChange } from './core/message.ts';

export interface FanOutDeps {
  clock: Clock;
  database: Database;
}

/** Maximum number of changes that get their deliveries in one transaction. */
const pageSize = 500;

/**
 * Writes a delivery for every published change that an enabled endpoint wants and does not have yet. The
 * position of an endpoint moves in the same transaction, so a killed process neither loses nor repeats one.
 *
 * @returns whether changes remain, for which it must be called again.
 */
export async function fanOut(deps: FanOutDeps): Promise<boolean> {
  const { database } = deps;
  const { rows } = await database.pool.query<{ id: string }>(
    `select e.id from webhook_endpoints e
     where e.status = 'enabled' and e.deleted_at is null and exists (
       select from changes c where c.project_id = e.project_id and c.position > e.position)`,
  );
  if (rows.length === 0) return false;
  const identity = await loadDatabaseIdentity(database);
  let remains = false;
  for (const { id } of rows) {
    if (await fanOutTo(deps, id, identity)) remains = true;
  }
  return remains;
}

/** Returns whether changes remain. An endpoint that another instance has locked is left to it. */
function fanOutTo(
  { clock, database }: FanOutDeps,
  endpointId: string,
  identity: string,
): Promise<boolean> {
  return database.transaction(async (tx) => {
    const [endpoint] = await tx.$queryRaw<
      { project_id: string; types: string[]; position: bigint }[]
    >`
      select project_id, types, position from webhook_endpoints
      where id = ${endpointId} and status = 'enabled' and deleted_at is null
      for no key update skip locked`;
    if (endpoint === undefined) return false;
    const { project_id: projectId, types, position } = endpoint;
    const page = await loadChanges(database, { projectId }, position, pageSize);
    // What was deleted before it was read is lost to every reader; the endpoint continues with the oldest.
    const { changes, position: next } = page.isExpired
      ? await loadChanges(database, { projectId }, 'start', pageSize)
      : page;
    const wanted = changes.filter((change) => types.includes(typeOfChange(change)));
    const created = wanted.map((change) => ({
      id: newId('whd'),
      message_id: newId('msg'),
      type: typeOfChange(change),
      user_id: change.userId,
      position: String(change.position),
      data: toChangeDto(change, identity),
    }));
    // A replay moves the position back: its messages are sent again, under the same ids.
    await tx.$executeRaw`
      insert into webhook_deliveries
        (id, endpoint_id, message_id, type, uid, position, data, created_at, next_attempt_at)
      select r.id, ${endpointId}, message_id, type, u.uid, position, data, ${new Date(clock())}, ${new Date(clock())}
      from jsonb_to_recordset(${JSON.stringify(created)}::jsonb)
        as r (id text, message_id text, type text, user_id text, position bigint, data jsonb)
      join users u on u.project_id = ${projectId} and u.user_id = r.user_id
      order by position
      on conflict (endpoint_id, position) do update set
        status = 'pending', tries = 0, next_attempt_at = excluded.next_attempt_at`;
    await tx.$executeRaw`
      update webhook_endpoints set position = ${next} where id = ${endpointId}`;
    return changes.length === pageSize;
  });
}
