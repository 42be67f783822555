import type pg from 'pg';

/** Key of Prisma's advisory lock for migrations, so that a concurrent `prisma migrate deploy` waits too. */
export const migrationLock = 72_707_369;

/** Interval at which a waiting process logs that it is waiting, milliseconds. */
const reportEveryMs = 5_000;

/** Maximum wait for the lock, milliseconds. Longer than the migration of a large database takes. */
const maxWaitMs = 15 * 60_000;

const lockNotAvailable = '55P03';

export interface LockOptions {
  /** Ends the wait when aborted. */
  stop?: AbortSignal | undefined;
  /** Called every few seconds with a sentence that names the holder of the lock. */
  onWait?: ((text: string) => void) | undefined;
  maxWaitMs?: number;
  reportEveryMs?: number;
}

/**
 * Waits for the migration lock. The connection holds the lock until it is closed.
 *
 * @returns false if `stop` was aborted first.
 * @throws Error that names the holder of the lock if the wait exceeds `maxWaitMs`.
 */
export async function takeMigrationLock(
  connection: pg.Client,
  options: LockOptions,
): Promise<boolean> {
  const { stop } = options;
  const acquired = waitForLock(connection, options).then(() => true);
  if (stop === undefined) return acquired;
  const stopped = new Promise<false>((resolve) => {
    if (stop.aborted) resolve(false);
    stop.addEventListener('abort', () => {
      resolve(false);
    });
  });
  // After `stop`, the pending query fails when the connection is closed.
  acquired.catch(() => undefined);
  return Promise.race([stopped, acquired]);
}

async function waitForLock(connection: pg.Client, options: LockOptions): Promise<void> {
  const {
    onWait,
    maxWaitMs: limitMs = maxWaitMs,
    reportEveryMs: everyMs = reportEveryMs,
  } = options;
  const startedAt = performance.now();
  await connection.query(`set lock_timeout = ${everyMs}`);
  while (!(await tryLock(connection))) {
    const waitedMs = performance.now() - startedAt;
    const holder = await describeHolder(connection);
    if (waitedMs >= limitMs) {
      throw new Error(
        `the migration lock was not released within ${Math.round(waitedMs / 1_000)} s. ${holder}`,
      );
    }
    onWait?.(
      `Still waiting for the migration lock after ${Math.round(waitedMs / 1_000)} s. ${holder}`,
    );
  }
  await connection.query('set lock_timeout = 0');
}

async function tryLock(connection: pg.Client): Promise<boolean> {
  try {
    await connection.query('select pg_advisory_lock($1)', [migrationLock]);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === lockNotAvailable) return false;
    throw error;
  }
}

async function describeHolder(connection: pg.Client): Promise<string> {
  const { rows } = await connection.query<{
    pid: number;
    application: string;
    address: string | null;
    since: Date;
  }>(
    `select a.pid, a.application_name as application, host(a.client_addr) as address,
       a.backend_start as since
     from pg_locks l join pg_stat_activity a using (pid)
     where l.locktype = 'advisory' and l.granted and l.objsubid = 1
       and l.classid = 0 and l.objid = $1
       and l.database = (select oid from pg_database where datname = current_database())`,
    [migrationLock],
  );
  const [holder] = rows;
  if (holder === undefined) return 'The lock was released a moment ago.';
  const { pid, application, address, since } = holder;
  return (
    `PostgreSQL's process ${pid} holds the lock: ${application || 'an unnamed client'} at ` +
    `${address ?? 'a local socket'}, connected since ${since.toISOString()}.`
  );
}
