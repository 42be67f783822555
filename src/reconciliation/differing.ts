import type { Picture } from '../mirror/picture.ts';
import { correct } from './correction.ts';
import { differences } from './diff.ts';
import type { RunContext } from './run-context.ts';
import { loadStored } from './stored.ts';

/**
 * Compares the pictures of a page with a fixed number of queries, and corrects those that differ, one by
 * one, in this order. Each is compared again before: an earlier correction may have brought it along.
 *
 * @param number under which all of them were fetched.
 */
export async function correctDiffering(
  context: RunContext,
  pictures: readonly Picture[],
  number: bigint,
): Promise<void> {
  const whole = mergePictures(pictures);
  const stored = await loadStored(context.deps.database.prisma, whole, number);
  for (const picture of pictures) {
    if (differences(picture, stored).length > 0) await correct(context, { picture, number });
  }
}

function mergePictures(pictures: readonly Picture[]): Picture {
  return {
    customers: pictures.flatMap(({ customers }) => customers),
    subscriptions: pictures.flatMap(({ subscriptions }) => subscriptions),
    sessions: pictures.flatMap(({ sessions }) => sessions),
    invoices: pictures.flatMap(({ invoices }) => invoices),
    charges: pictures.flatMap(({ charges }) => charges),
    disputes: pictures.flatMap(({ disputes }) => disputes),
    summaries: pictures.flatMap(({ summaries }) => summaries),
    products: pictures.flatMap(({ products }) => products),
    prices: pictures.flatMap(({ prices }) => prices),
    revived: pictures.flatMap(({ revived }) => revived),
    missing: pictures.flatMap(({ missing }) => missing),
  };
}
