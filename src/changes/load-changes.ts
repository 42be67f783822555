import type { ChangeCause } from '../entitlements/core/change.ts';
import type { Database } from '../platform/database.ts';

/** A change with its position in the feed. */
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

/** Selects the users whose changes are read. */
export interface FeedFilter {
  /** Null = all projects. */
  projectId: string | null;
  userId?: string | undefined;
}

export interface ChangePage {
  changes: PublishedChange[];
  /** The position after which the page begins. */
  from: bigint;
  /** The position up to which everything was read. */
  position: bigint;
  /** Whether changes may be missing before `from`. */
  isExpired: boolean;
}

/** The start of a page: after a position, at the oldest kept change, or now. */
export type FeedStart = bigint | 'start' | 'now';

interface ChangeRow {
  last: string;
  deleted: string;
  /** Null in the single row of an empty page. */
  position: string | null;
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
 * Loads a page of the feed, in its order. A single statement reads the state of the feed and the page, so a
 * concurrent deletion cannot cause an unnoticed gap.
 *
 * @param start `expired`: the reader's position is unknown, so the page is empty and ends at the feed's last
 *   position.
 */
export async function loadChanges(
  { pool }: Database,
  { projectId, userId }: FeedFilter,
  start: FeedStart | 'expired',
  limit: number,
): Promise<ChangePage> {
  const isAtEnd = start === 'now' || start === 'expired';
  const { rows } = await pool.query<ChangeRow>(
    `select f.last_position as last, f.deleted_position as deleted, page.*
     from change_feed f left join lateral (
       select c.position, c.project_id, u.user_id, c.revision, c.cause, c.at, c.recorded_at,
         c.gained, c.lost, c.changed, c.next_change_at
       from changes c join users u using (uid)
       where c.position > $1 and c.position <= f.last_position
         and ($2::text is null or c.project_id = $2)
         and ($3::text is null or c.uid = any(array(
           select uid from users where user_id = $3 and ($2::text is null or project_id = $2))))
       order by c.position limit $4
     ) page on true
     order by page.position`,
    [typeof start === 'bigint' ? start : 0, projectId, userId ?? null, isAtEnd ? 0 : limit],
  );
  const [row] = rows;
  if (row === undefined) throw new Error('change_feed has no row. Run `npm run migrate`.');
  const [last, deleted] = [BigInt(row.last), BigInt(row.deleted)];
  const isExpired =
    start === 'expired' || (typeof start === 'bigint' && (start < deleted || start > last));
  if (isAtEnd || isExpired) return { changes: [], from: last, position: last, isExpired };
  const changes = rows.flatMap(toChange);
  return {
    changes,
    from: start === 'start' ? deleted : start,
    position: changes.length < limit ? last : (changes.at(-1)?.position ?? last),
    isExpired,
  };
}

function toChange({ position, ...row }: ChangeRow): PublishedChange[] {
  if (position === null) return [];
  return [
    {
      position: BigInt(position),
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
    },
  ];
}
