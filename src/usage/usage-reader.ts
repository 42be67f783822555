import type { Deps } from '../deps.ts';
import type { Balances } from '../entitlements/balances.ts';
import { createBatches } from '../platform/batches.ts';
import { balanceOf, bucketsAt } from './core/balance.ts';
import { type AskedUsage, type LoadedUsage, loadUsageOfUsers } from './load-usage.ts';

/** Maximum number of users per query. */
const maxUsersPerQuery = 50;
const maxConcurrentQueries = 4;

/** Maximum wait for a query to begin, milliseconds. */
const maxQueryWaitMs = 2_000;

/**
 * Loads the usage of the metered features that a user's timeline includes, ordered by code.
 *
 * @param at epoch milliseconds; now by default.
 */
export type ReadUsage = (asked: AskedUsage, at?: number) => Promise<LoadedUsage[]>;

/** Creates the reader of usage. Concurrent reads of the present share a query, in which projects take turns. */
export function createUsageReader({
  clock,
  database: { pool },
}: Pick<Deps, 'clock' | 'database'>): ReadUsage {
  const readNow = createBatches({
    load: (asked: AskedUsage[]) => loadUsageOfUsers(pool, asked, { clock }),
    maxSize: maxUsersPerQuery,
    tenantOf: ({ projectId }) => projectId,
    limit: { maxRunning: maxConcurrentQueries, maxWaitMs: maxQueryWaitMs },
  });
  return async (asked, at) => {
    if (at === undefined) return readNow(asked);
    const [usage = []] = await loadUsageOfUsers(pool, [asked], { clock, at });
    return usage;
  };
}

export function createBalances(read: ReadUsage): Balances {
  return {
    async of({ projectId, userId }, featureCode, at) {
      const usages = await read({ projectId, userId, featureCode }, at);
      return usages.map((usage) => ({
        featureCode: usage.featureCode,
        reason: usage.reason,
        balance: balanceOf(bucketsAt(usage.facts, usage.at)).balance,
        overage: usage.feature?.overage ?? 'deny',
      }));
    },
  };
}
