import type Stripe from 'stripe';
import { fetchSnapshot, isMissing } from '../mirror/fetch.ts';
import { ImplausibleAnswer } from '../platform/stripe-lists.ts';
import type { SyncedType } from '../webhook/events.ts';
import { drawNumber } from '../webhook/sync-queue.ts';
import { correct, recordMissing } from './correction.ts';
import { type Position, type RunContext, RunFailed } from './run-context.ts';

/** What every list of Stripe's shows of an object. */
export interface Listed {
  id: string;
  created: number;
  livemode?: boolean;
}

/** The parameters that every list takes. */
export interface ListParams {
  limit: number;
  starting_after?: string;
  created?: Stripe.RangeQueryParam;
}

export interface Page<T> {
  /** Drawn before the page was asked for. */
  number: bigint;
  /** Drawn before the first page was asked for that shows some of the stretch. */
  stretchNumber: bigint;
  objects: T[];
  /** Where the next page begins; null = this was the last. */
  next: Position | null;
  stretch: Stretch;
}

/**
 * Between which creations (epoch milliseconds, inclusive) the pages up to this one say everything; null =
 * open. Lists page by whole seconds: the second in which a page ends belongs to the stretch of the page
 * that shows the rest of it.
 */
interface Stretch {
  from: number | null;
  until: number | null;
}

const pageSize = 100;

/** More than so many objects that a list lacks and Stripe knows are no accident. */
const mostUnlisted = 20;
const mostSingle = 100;

/**
 * Asks for the next page of a list, newest first. Where the object that it is to begin behind is gone
 * meanwhile, it goes on by the time.
 *
 * @param since from which creation on the list is wanted, epoch milliseconds; null = all of it.
 * @throws RunFailed where what is listed is not of our mode.
 * @throws ImplausibleAnswer where the page leads nowhere.
 */
export async function fetchPage<T extends Listed>(
  context: RunContext,
  list: (params: ListParams) => Promise<Stripe.ApiList<T>>,
  position: Position,
  since: number | null = null,
): Promise<Page<T>> {
  const { deps, counts } = context;
  const number = await drawNumber(deps.database);
  const bounds = since === null ? {} : { created: { gte: Math.floor(since / 1000) } };
  const { after, before } = position;
  let isBehind = after !== null;
  const { data, has_more: more } = await list({
    limit: pageSize,
    ...bounds,
    ...(after === null ? {} : { starting_after: after }),
  }).catch((error: unknown) => {
    if (after === null || before === null || !isMissing(error)) throw error;
    isBehind = false;
    return list({ limit: pageSize, created: { ...bounds.created, lte: before / 1000 } });
  });
  if (
    data.some(({ livemode }) => livemode !== undefined && livemode !== deps.config.stripe.livemode)
  ) {
    throw new RunFailed('wrong_mode: Stripe lists objects of another mode than the key says');
  }
  const last = data.at(-1);
  if (more && last === undefined) throw new ImplausibleAnswer('Stripe listed nothing, and more');
  if (last !== undefined && (more || isBehind) && !isNextPage(position, last, isBehind)) {
    throw new ImplausibleAnswer('Stripe listed what it had listed before');
  }
  counts.pages += 1;
  counts.objects += data.length;
  const hasNext = more && last !== undefined;
  return {
    number,
    stretchNumber: position.tiedSince === null ? number : BigInt(position.tiedSince),
    objects: data,
    next: hasNext ? positionAfter(position, data, last, number) : null,
    stretch: { from: hasNext ? (last.created + 1) * 1_000 : since, until: before },
  };
}

/**
 * Newest first, so a page that ends later than the one before, or with what that showed, is no next one.
 * A page that begins by the time shows the rest of a second from its start.
 */
function isNextPage({ before, tied, after }: Position, last: Listed, isBehind: boolean): boolean {
  const isNew = isBehind ? !tied.includes(last.id) : last.id !== after;
  return isNew && (before === null || last.created * 1000 <= before);
}

function positionAfter(position: Position, data: Listed[], last: Listed, number: bigint): Position {
  const sameSecond = data.filter(({ created }) => created === last.created).map(({ id }) => id);
  const at = last.created * 1000;
  const isSameSecond = position.before === at;
  return {
    part: position.part,
    after: last.id,
    before: at,
    tied: isSameSecond ? [...new Set([...position.tied, ...sameSecond])] : sameSecond,
    tiedSince: isSameSecond ? position.tiedSince : String(number),
  };
}

/**
 * The way back: what we hold alive in the stretch that a page covers, and the page does not show, is
 * fetched alone. Lists are newest first, so page by page nothing has to be remembered but the ids of the
 * last second.
 *
 * @param loadAlive the ids of what we hold alive and created so, but for `listed`, at most `take`.
 * @throws RunFailed where a list is missing so much that it cannot be right.
 */
export async function compareUnlisted<T extends Listed>(
  context: RunContext,
  objectType: SyncedType,
  position: Position,
  page: Page<T>,
  loadAlive: (createdAt: Within, listed: string[], take: number) => Promise<string[]>,
): Promise<void> {
  const { deps } = context;
  const listed = [...position.tied, ...page.objects.map(({ id }) => id)];
  let lacking = 0;
  while (lacking <= mostSingle) {
    const ids = await loadAlive(createdWithin(page.stretch), listed, mostSingle + 1 - lacking);
    if (ids.length === 0) return;
    listed.push(...ids);
    const newer = await loadFetchedSince(context, objectType, ids, page.stretchNumber);
    for (const objectId of ids) {
      await context.beat();
      const isLeftOut =
        !newer.has(objectId) && (await compareSingle(context, { objectType, objectId }, true));
      if (!isLeftOut) lacking += 1;
    }
  }
  deps.metrics.alarms.inc({ kind: 'reconciliation_list_incomplete' });
  throw new RunFailed(
    `list_incomplete: Stripe's list lacks more than ${mostSingle} objects (${objectType}) that we hold alive`,
  );
}

/** The condition on a creation, as Prisma takes it. */
export interface Within {
  gte?: Date;
  lte?: Date;
}

function createdWithin({ from, until }: Stretch): Within {
  return {
    ...(from === null ? {} : { gte: new Date(from) }),
    ...(until === null ? {} : { lte: new Date(until) }),
  };
}

/**
 * Fetches one object and compares it.
 *
 * @param unlisted a list lacks it.
 * @returns whether lists leave it out by rule, since it is on a test clock.
 */
export async function compareSingle(
  context: RunContext,
  object: { objectType: SyncedType; objectId: string },
  unlisted: boolean,
): Promise<boolean> {
  const { deps, counts } = context;
  const number = await drawNumber(deps.database);
  const snapshot = await fetchSnapshot(deps.stripeForReconciliation, object);
  if (snapshot.missing.length > 0) {
    await recordMissing(context, object, true);
    return false;
  }
  counts.objects += 1;
  const isLeftOut = snapshot.onTestClock.includes(object.objectId);
  if (unlisted && !isLeftOut && !isGone(snapshot)) {
    counts.unlisted += 1;
    if (counts.unlisted > mostUnlisted) {
      deps.metrics.alarms.inc({ kind: 'reconciliation_list_incomplete' });
      throw new RunFailed(
        `list_incomplete: Stripe's list lacks ${counts.unlisted} objects that Stripe knows`,
      );
    }
  }
  await correct(context, { snapshot, number });
  return isLeftOut;
}

/** Deleted customers, products and prices stand in no list. */
function isGone({
  customers,
  products,
  prices,
}: Awaited<ReturnType<typeof fetchSnapshot>>): boolean {
  return [...customers, ...products, ...prices].some(({ deleted }) => deleted);
}

/** Those that were fetched after the list had passed them: it could not show them. */
async function loadFetchedSince(
  { deps }: RunContext,
  objectType: SyncedType,
  ids: readonly string[],
  number: bigint,
): Promise<Set<string>> {
  const rows = await deps.database.prisma.followedObject.findMany({
    where: { objectType, objectId: { in: [...ids] }, fetched: { gt: number } },
    select: { objectId: true },
  });
  return new Set(rows.map(({ objectId }) => objectId));
}
