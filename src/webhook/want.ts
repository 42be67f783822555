import type { Tx } from '../platform/database.ts';
import type { Urgency } from './events.ts';
import type { FollowedRef } from './followed.ts';

/**
 * Makes objects wanted under numbers drawn now, as an event would, so that each is fetched (again)
 * whatever was fetched before. Failed ones get all their tries back. Takes the locks of the objects'
 * rows, sorted: the lock order's second place. The worker is to be woken after the commit.
 *
 * @param heldUntil epoch milliseconds: until then no worker takes them, since the caller fetches them
 *   itself. Should it die, a worker does. What a buyer waits for, or comes to, is not held.
 */
export async function wantObjects(
  tx: Tx,
  objects: readonly FollowedRef[],
  urgency: Urgency,
  now: number,
  heldUntil: number | null = null,
): Promise<void> {
  if (objects.length === 0) return;
  await tx.$executeRaw`
    insert into followed_objects as f (object_type, object_id, wanted, urgency, wanted_at, next_attempt_at)
    select type, id, next_number(), ${urgency}::smallint, ${new Date(now)}::timestamptz,
      ${heldUntil === null ? null : new Date(heldUntil)}::timestamptz
    from (
      select distinct type, id
      from unnest(
        ${objects.map(({ objectType }) => objectType)}::text[],
        ${objects.map(({ objectId }) => objectId)}::text[]) as given (type, id)
      order by 1, 2) named
    on conflict (object_type, object_id) do update set
      wanted = greatest(f.wanted, excluded.wanted),
      urgency = case when f.wanted > f.fetched then least(f.urgency, excluded.urgency) else excluded.urgency end,
      wanted_at = case when f.wanted > f.fetched then f.wanted_at else excluded.wanted_at end,
      next_attempt_at = case when f.wanted > f.fetched and f.urgency = 0 then null else excluded.next_attempt_at end,
      attempts = 0, failed_at = null`;
}

/**
 * Makes those of the objects wanted that were neither wanted nor fetched before: their tries then decide
 * what they are. A buyer may wait for them. The locks are the same.
 */
export async function wantUnseen(
  tx: Tx,
  objects: readonly FollowedRef[],
  now: number,
): Promise<void> {
  if (objects.length === 0) return;
  await tx.$executeRaw`
    insert into followed_objects (object_type, object_id, wanted, urgency, wanted_at)
    select type, id, next_number(), 0, ${new Date(now)}::timestamptz
    from (
      select distinct type, id
      from unnest(
        ${objects.map(({ objectType }) => objectType)}::text[],
        ${objects.map(({ objectId }) => objectId)}::text[]) as given (type, id)
      order by 1, 2) named
    on conflict (object_type, object_id) do nothing`;
}
