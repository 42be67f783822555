import type { Database } from '../platform/database.ts';
import { type Caller, platformActor } from './caller.ts';
import { loadLiveKeys } from './load-keys.ts';

/**
 * Returns the callers that may no longer call: their key was deleted, their key or user token has expired, or
 * the project of their user token does not exist.
 *
 * @param now epoch milliseconds.
 */
export async function loadEndedCallers(
  database: Database,
  callers: readonly Caller[],
  now: number,
): Promise<Set<Caller>> {
  const withKey = callers.filter(({ actor, user }) => user === null && actor !== platformActor);
  const withToken = callers.filter(({ user }) => user !== null);
  const keys = await loadLiveKeys(database, [...new Set(withKey.map(({ actor }) => actor))], now);
  const projects = await loadProjects(database, withToken);
  return new Set([
    ...withKey.filter(({ actor }) => !keys.has(actor)),
    ...withToken.filter(
      ({ user, projectId }) => now >= (user?.expiresAt ?? 0) || !projects.has(projectId),
    ),
  ]);
}

async function loadProjects(
  { pool }: Database,
  callers: readonly Caller[],
): Promise<Set<string | null>> {
  if (callers.length === 0) return new Set();
  const { rows } = await pool.query<{ id: string }>('select id from projects where id = any($1)', [
    [...new Set(callers.map(({ projectId }) => projectId))],
  ]);
  return new Set(rows.map(({ id }) => id));
}
