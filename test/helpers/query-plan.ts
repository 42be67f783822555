import { vi } from 'vitest';
import type { Database } from '../../src/platform/database.ts';
import { at } from './json.ts';
import { rowsOf } from './lists.ts';

interface QueryPlan {
  /** The most rows that a step reads: rows that it returns, and rows that it discards. */
  mostRows: number;
  /** The indexes that are read, in the order of the plan. */
  indexes: string[];
}

/** Returns the plan by which Postgres runs the last query of `work`. */
export async function planOf(
  { pool }: Pick<Database, 'pool'>,
  work: () => Promise<unknown>,
): Promise<QueryPlan> {
  const asked = vi.spyOn(pool, 'query');
  await work();
  const [query, values] = asked.mock.calls.at(-1) ?? [];
  asked.mockRestore();
  const { rows } = await pool.query<{ 'QUERY PLAN': unknown }>(
    `explain (analyze, format json) ${String(query)}`,
    values as unknown as unknown[], // of the promise form, which the spy's type leaves out
  );
  const steps = stepsOf(at(rows, 0, 'QUERY PLAN', 0, 'Plan'));
  return {
    mostRows: Math.max(...steps.map(rowsRead)),
    indexes: steps.map((step) => at(step, 'Index Name')).filter((name) => typeof name === 'string'),
  };
}

/** Returns a step of a plan and those below it. */
function stepsOf(step: unknown): unknown[] {
  return [step, ...rowsOf(step, 'Plans').flatMap(stepsOf)];
}

function rowsRead(step: unknown): number {
  const read = ['Actual Rows', 'Rows Removed by Filter', 'Rows Removed by Index Recheck'].map(
    (field) => Number(at(step, field) ?? 0) * Number(at(step, 'Actual Loops')),
  );
  return Math.max(...read);
}
