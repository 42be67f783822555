import type { Operator } from '../auth/project-access.ts';
import {
  type RefreshState,
  updateCatalog,
  type UpdateCatalogDeps,
} from '../entitlements/refresh/update-catalog.ts';
import { type KeepAnswer, keepNothing } from '../http/idempotency.ts';
import type { Tx } from '../platform/database.ts';
import { computeImpact } from './dry-run.ts';
import type { Impact } from './schemas.ts';

/** The audit fields shared by all catalog changes. */
export interface ChangeContext extends Operator {
  /** Epoch milliseconds. */
  at: number;
}

/** The result of a change or, for a dry run, its impact on users. */
export type Changed<T> = (T & { refresh: RefreshState }) | Impact;

/**
 * Changes the catalog. For a dry run, runs the same `write` and rolls it back.
 *
 * @param write returns the part of the response that is specific to the change.
 */
export async function changeOrTry<T extends object>(
  deps: UpdateCatalogDeps,
  projectId: string,
  dryRun: boolean,
  write: (tx: Tx) => Promise<T>,
  keep: KeepAnswer<Changed<T>> = keepNothing,
): Promise<Changed<T>> {
  if (dryRun) return computeImpact(deps, projectId, write);
  const { result, refresh } = await updateCatalog(deps, projectId, 'catalog', write, (tx, change) =>
    keep(tx, { ...change.result, refresh: change.refresh }),
  );
  return { ...result, refresh };
}
