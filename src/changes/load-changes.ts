import type { ChangeCause } from '../entitlements/core/change.ts';
import type { Database } from '../platform/database.ts';

/** A change as the feed shows it. */
export interface PublishedChange {
  position: bigint;
  projectId: string;
  userId: string;
  revision: number;
  cause: ChangeCause;
  at: Date;
  recordedAt: Date;
  gained: string[];
  lost: string[];
  changed: string[];
  nextChangeAt: Date | null;
}

/** The users whose changes are read. */
export interface FeedFilter {
  /** Null = of all projects. */
  projectId: string | null;
  userId?: string | undefined;
}

/** The state of the feed. */
export interface FeedState {
  /** The last published position. */
  last: bigint;
  /** The last position whose change was deleted. */
  deleted: bigint;
}

export interface ChangePage {
  changes: PublishedChange[];
  /** The position up to which everything was read. */
  position: bigint;
}

/** Loads the state of the feed. */
export async function loadFeedState({ pool }: Database): Promise<FeedState> {
  const { rows } = await pool.query<{ last: string; deleted: string }>(
    'select last_position as last, deleted_position as deleted from change_feed',
  );
  const [row] = rows;
  if (row === undefined) throw new Error('change_feed has no row: are all migrations applied?');
  return { last: BigInt(row.last), deleted: BigInt(row.deleted) };
}

interface ChangeRow {
  position: string;
  project_id: string;
  user_id: string;
  revision: string;
  cause: ChangeCause;
  at: Date;
  recorded_at: Date;
  gained: string[];
  lost: string[];
  changed: string[];
  next_change_at: Date | null;
}

/**
 * Loads the changes after a position, in the order of the feed.
 *
 * @param last the last published position, loaded before: later changes belong to the next page.
 */
export async function loadChanges(
  { pool }: Database,
  { projectId, userId }: FeedFilter,
  range: { after: bigint; last: bigint; limit: number },
): Promise<ChangePage> {
  const { after, last, limit } = range;
  const { rows } = await pool.query<ChangeRow>(
    `select c.position, c.project_id, u.user_id, c.revision, c.cause, c.at, c.recorded_at,
       c.gained, c.lost, c.changed, c.next_change_at
     from changes c join users u using (uid)
     where c.position > $1 and c.position <= $2
       and ($3::text is null or c.project_id = $3)
       and ($4::text is null or c.uid = any(array(
         select uid from users where user_id = $4 and ($3::text is null or project_id = $3))))
     order by c.position limit $5`,
    [after, last, projectId, userId ?? null, limit],
  );
  const changes = rows.map(toChange);
  return { changes, position: changes.length < limit ? last : (changes.at(-1)?.position ?? last) };
}

function toChange(row: ChangeRow): PublishedChange {
  return {
    position: BigInt(row.position),
    projectId: row.project_id,
    userId: row.user_id,
    revision: Number(row.revision),
    cause: row.cause,
    at: row.at,
    recordedAt: row.recorded_at,
    gained: row.gained,
    lost: row.lost,
    changed: row.changed,
    nextChangeAt: row.next_change_at,
  };
}
