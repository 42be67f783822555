import { mergeSnapshots, type StripeSnapshot } from '../mirror/core/stripe-snapshot.ts';
import { differences } from './core/diff.ts';
import { correct } from './correction.ts';
import type { Related, RunContext } from './run-context.ts';
import { loadStored } from './stored.ts';

/**
 * Number of concurrent corrections. Each uses a connection. Postgres can commit several at the cost of one.
 */
const concurrency = 4;

/**
 * Compares a page's snapshots with a fixed number of queries, and corrects those that differ, several
 * concurrently. Each is compared again immediately before its correction, because another correction may have
 * included it.
 *
 * @param number the number under which all of them were fetched.
 * @param relatedOf returns the recently compared objects that a snapshot may depend on.
 */
export async function correctPage(
  context: RunContext,
  snapshots: readonly StripeSnapshot[],
  number: bigint,
  relatedOf: (snapshot: StripeSnapshot) => Related = () => ({}),
): Promise<void> {
  const whole = mergeSnapshots(snapshots);
  const stored = await loadStored(context.deps.database.prisma, whole, number);
  const differing = snapshots.filter((snapshot) => differences(snapshot, stored).length > 0);
  await forEach(differing, (snapshot) =>
    correct(context, { snapshot, number, related: relatedOf(snapshot) }),
  );
}

/**
 * Runs `work` for each element with limited concurrency. After a failure, it starts no more, waits for those
 * that are running, and throws.
 */
async function forEach<T>(all: readonly T[], work: (each: T) => Promise<void>): Promise<void> {
  const remaining = all.values();
  let hasFailed = false;
  const drain = async (): Promise<void> => {
    for (const each of remaining) {
      if (hasFailed) return;
      await work(each).catch((error: unknown) => {
        hasFailed = true;
        throw error;
      });
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: concurrency }, drain));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}
