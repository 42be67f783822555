import type { Tx } from '../platform/database.ts';

export interface UserRow {
  uid: bigint;
  projectId: string;
  userId: string;
}

/** Locks the user's row, which is made on the first fact about the user. Users come last in the lock order. */
export async function lockUser(
  tx: Tx,
  projectId: string,
  userId: string,
  now: number,
): Promise<UserRow> {
  await tx.$executeRaw`
    insert into users (project_id, user_id, created_at) values (${projectId}, ${userId}, ${new Date(now)})
    on conflict (project_id, user_id) do nothing`;
  const [row] = await tx.$queryRaw<{ uid: bigint }[]>`
    select uid from users where project_id = ${projectId} and user_id = ${userId} for update`;
  if (row === undefined) throw new Error('a user row that was just made is gone');
  return { uid: row.uid, projectId, userId };
}
