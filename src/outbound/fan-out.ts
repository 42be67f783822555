import { loadChanges, type PublishedChange } from '../changes/load-changes.ts';
import { toChangeDto } from '../changes/schemas.ts';
import type { Deps } from '../deps.ts';
import { loadDatabaseIdentity } from '../entitlements/read/database-identity.ts';
import type { Tx } from '../platform/database.ts';
import { newId } from '../platform/ids.ts';
import { typeOfChange } from './core/message.ts';

export type FanOutDeps = Pick<Deps, 'clock' | 'database'>;

/** Maximum number of deliveries that one transaction writes. */
const maxDeliveries = 1_000;

/** Endpoints of a project that have read the feed up to the same position. */
interface Group {
  projectId: string;
  position: bigint;
  endpointIds: string[];
}

/**
 * Writes a delivery of each published change for every enabled endpoint that subscribes to its type. The
 * endpoint's position moves in the same transaction, so a killed process neither loses nor repeats a change.
 *
 * @returns whether changes remain; if so, the caller must call again.
 */
export async function fanOut(deps: FanOutDeps): Promise<boolean> {
  const { database } = deps;
  const { rows } = await database.pool.query<{
    project_id: string;
    position: string;
    ids: string[];
  }>(
    `select e.project_id, e.position, array_agg(e.id order by e.id) as ids from webhook_endpoints e
     where e.status = 'enabled' and e.deleted_at is null and exists (
       select from changes c where c.project_id = e.project_id and c.position > e.position)
     group by e.project_id, e.position`,
  );
  if (rows.length === 0) return false;
  const identity = await loadDatabaseIdentity(database);
  let remains = false;
  for (const { project_id: projectId, position, ids } of rows) {
    const group = { projectId, position: BigInt(position), endpointIds: ids };
    if (await fanOutTo(deps, group, identity)) remains = true;
  }
  return remains;
}

/** Writes the deliveries of one page of changes. Returns whether changes remain. */
async function fanOutTo(
  { clock, database }: FanOutDeps,
  { projectId, position, endpointIds }: Group,
  identity: string,
): Promise<boolean> {
  const limit = Math.ceil(maxDeliveries / endpointIds.length);
  const page = await loadChanges(database, { projectId }, position, limit);
  // Changes that were deleted before they were read here are lost (`purgeChanges` reports this): continues with
  // the oldest stored change.
  const { changes, position: next } = page.isExpired
    ? await loadChanges(database, { projectId }, 'start', limit)
    : page;
  await database.transaction(async (tx) => {
    // Skips endpoints that another instance has locked, and those whose position has moved.
    const endpoints = await tx.$queryRaw<{ id: string; types: string[] }[]>`
      select id, types from webhook_endpoints
      where id = any(${endpointIds}) and position = ${position} and status = 'enabled'
        and deleted_at is null
      order by id for no key update skip locked`;
    if (endpoints.length === 0) return;
    await storeDeliveries(tx, projectId, deliveriesOf(endpoints, changes, identity), clock());
    const ids = endpoints.map(({ id }) => id);
    await tx.$executeRaw`
      update webhook_endpoints set position = ${next} where id = any(${ids})`;
  });
  return changes.length === limit;
}

function deliveriesOf(
  endpoints: readonly { id: string; types: string[] }[],
  changes: readonly PublishedChange[],
  identity: string,
) {
  return changes.flatMap((change) => {
    const type = typeOfChange(change);
    const data = toChangeDto(change, identity);
    return endpoints
      .filter(({ types }) => types.includes(type))
      .map(({ id: endpointId }) => ({
        ...{ id: newId('whd'), endpoint_id: endpointId, message_id: newId('msg'), type, data },
        ...{ user_id: change.userId, position: String(change.position) },
      }));
  });
}

/**
 * Stores deliveries. Deliveries that already exist, because a replay moved the position back, become pending
 * again and keep their message ids.
 */
async function storeDeliveries(
  tx: Tx,
  projectId: string,
  deliveries: ReturnType<typeof deliveriesOf>,
  now: number,
): Promise<void> {
  if (deliveries.length === 0) return;
  await tx.$executeRaw`
    insert into webhook_deliveries
      (id, endpoint_id, message_id, type, uid, position, data, created_at, next_attempt_at)
    select r.id, endpoint_id, message_id, type, u.uid, position, data, ${new Date(now)}, ${new Date(now)}
    from jsonb_to_recordset(${JSON.stringify(deliveries)}::jsonb) as r (
      id text, endpoint_id text, message_id text, type text, user_id text, position bigint, data jsonb)
    join users u on u.project_id = ${projectId} and u.user_id = r.user_id
    order by position
    on conflict (endpoint_id, position) do update set
      status = 'pending', tries = 0, next_attempt_at = excluded.next_attempt_at`;
}
