import { sql, type Sql, sqlText, type Tx } from '../platform/database.ts';

/** The identity of a user: the project, and the project's id for the user. */
export interface UserName {
  projectId: string;
  userId: string;
}

/** A user's row that this transaction has locked. */
export interface LockedUser extends UserName {
  uid: bigint;
  revision: number;
  /** Epoch milliseconds; null before the first segment. */
  recordedAt: number | null;
  /** Whether the cache must still be invalidated for an earlier change. */
  cachePending: boolean;
  /**
   * The next instant at which time alone changes the answer, epoch milliseconds; null if time alone never
   * changes it, 0 if it has not been computed yet.
   */
  nextBoundaryAt: number | null;
}

interface Row extends Omit<LockedUser, 'revision' | 'recordedAt' | 'nextBoundaryAt'> {
  revision: bigint;
  recordedAt: Date | null;
  nextBoundaryAt: Date | null;
}

const columns = sqlText(`uid, project_id as "projectId", user_id as "userId", revision,
  recorded_at as "recordedAt", cache_pending_at is not null as "cachePending",
  next_boundary_at as "nextBoundaryAt"`);

function toLockedUser(row: Row): LockedUser {
  return {
    ...row,
    revision: Number(row.revision),
    recordedAt: row.recordedAt?.getTime() ?? null,
    nextBoundaryAt: row.nextBoundaryAt?.getTime() ?? null,
  };
}

/** Creates the rows of users who have none. */
export async function ensureUsers(tx: Tx, names: UserName[], now: number): Promise<void> {
  if (names.length === 0) return;
  await tx.$executeRaw`
    insert into users (project_id, user_id, created_at, next_boundary_at, next_end_at)
    select project_id, user_id, ${new Date(now)}, null, null
    from unnest(${names.map((name) => name.projectId)}::text[], ${names.map((name) => name.userId)}::text[])
      as named (project_id, user_id)
    order by 1, 2
    on conflict (project_id, user_id) do nothing`;
}

/** Locks users' rows in sorted order. Users come last in the lock order. */
export async function lockUsers(tx: Tx, condition: Sql): Promise<LockedUser[]> {
  const rows = await tx.$queryRaw<Row[]>`
    select ${columns} from users where ${condition} order by uid for update`;
  return rows.map(toLockedUser);
}

/**
 * Locks up to `limit` users who have reached their next boundary. Each project gets an equal share, in which
 * its earliest boundaries come first. Skips users that other transactions hold, and users whose timeline
 * failed at or after `failedBefore`.
 */
export async function lockUsersAtBoundary(
  tx: Tx,
  { now, limit, failedBefore }: { now: number; limit: number; failedBefore: number },
): Promise<LockedUser[]> {
  const at = new Date(now);
  const rows = await tx.$queryRaw<Row[]>`
    with due as (
      select p.id from projects p where exists (
        select from users u where u.project_id = p.id and u.next_boundary_at <= ${at})
    )
    select ${columns} from due cross join lateral (
      select * from users u where u.project_id = due.id and u.next_boundary_at <= ${at}
        and (u.refresh_failed_at is null or u.refresh_failed_at < ${new Date(failedBefore)})
      order by u.next_boundary_at
      limit greatest(1, ${limit}::integer / (select count(*) from due)) for update skip locked
    ) u limit ${limit}`;
  return rows.map(toLockedUser);
}

/** Locks one user's row, creating it first if it does not exist. */
export async function lockUser(tx: Tx, name: UserName, now: number): Promise<LockedUser> {
  await ensureUsers(tx, [name], now);
  const { projectId, userId } = name;
  const [user] = await lockUsers(tx, sql`project_id = ${projectId} and user_id = ${userId}`);
  if (user === undefined)
    throw new Error(`lockUsers returned no row for user ${userId} of project ${projectId}`);
  return user;
}
