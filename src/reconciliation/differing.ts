import type { Picture } from '../mirror/picture.ts';
import { correct } from './correction.ts';
import { differences } from './diff.ts';
import type { Along, RunContext } from './run-context.ts';
import { loadStored } from './stored.ts';

/**
 * How many objects are corrected at the same time. Each takes a connection for the time of its
 * transaction, and Postgres commits several for the price of one.
 */
const mostAtOnce = 4;

/**
 * Compares the pictures of a page with a fixed number of queries, and corrects those that differ, some at
 * a time: those of the same user wait for each other, as all who write do. Each is compared again before,
 * since another correction may have brought it along.
 *
 * @param number under which all of them were fetched.
 * @param alongOf what a picture may depend on, of what was compared just before.
 */
export async function correctDiffering(
  context: RunContext,
  pictures: readonly Picture[],
  number: bigint,
  alongOf: (picture: Picture) => Along = () => ({}),
): Promise<void> {
  const whole = mergePictures(pictures);
  const stored = await loadStored(context.deps.database.prisma, whole, number);
  const differing = pictures.filter((picture) => differences(picture, stored).length > 0);
  await forEach(differing, (picture) =>
    correct(context, { picture, number, along: alongOf(picture) }),
  );
}

/** The customers of a page, for what of it is theirs. */
export function withCustomers(customers: readonly Picture[]): (picture: Picture) => Along {
  const rows = new Map(customers.flatMap((one) => one.customers).map((row) => [row.id, row]));
  return ({ subscriptions, sessions }) => {
    const ids = [...subscriptions, ...sessions].map(({ customerId }) => customerId ?? '');
    return { customers: [...new Set(ids)].flatMap((id) => rows.get(id) ?? []) };
  };
}

/** Works on some at a time. Where one fails, none is begun any more, and it throws when those begun are over. */
async function forEach<T>(all: readonly T[], work: (each: T) => Promise<void>): Promise<void> {
  const left = all.values();
  let hasFailed = false;
  const workOff = async (): Promise<void> => {
    for (const each of left) {
      if (hasFailed) return;
      await work(each).catch((error: unknown) => {
        hasFailed = true;
        throw error;
      });
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: mostAtOnce }, workOff));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
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
    unlinked: pictures.flatMap(({ unlinked }) => unlinked),
    onTestClock: pictures.flatMap(({ onTestClock }) => onTestClock),
    missing: pictures.flatMap(({ missing }) => missing),
    doubted: pictures.flatMap(({ doubted }) => doubted),
  };
}
