import type Stripe from 'stripe';
import type { StripeSnapshot } from '../mirror/core/stripe-snapshot.ts';
import { isMissing } from '../mirror/failures.ts';
import { fetchSnapshot } from '../mirror/fetch.ts';
import { ImplausibleAnswer } from '../platform/stripe-lists.ts';
import { type SyncedType, syncedTypes } from '../webhook/core/events.ts';
import { objectKey, refsTo, type SyncedRef } from '../webhook/core/synced-object.ts';
import { drawNumber } from '../webhook/fetch-numbers.ts';
import { correct, recordMissing } from './correction.ts';
import { type Position, type RunContext, RunFailed } from './run-context.ts';
import { loadNewer } from './stored.ts';

/** The fields that all listed objects have. */
export interface Listed {
  id: string;
  created: number;
  livemode?: boolean;
}

/** The parameters that all lists have. */
export interface ListParams {
  limit: number;
  starting_after?: string;
  created?: Stripe.RangeQueryParam;
}

export interface Page<T> {
  /** The number drawn before the page was requested. */
  number: bigint;
  /** The number drawn before requesting the first page that contains an object in the range. */
  rangeNumber: bigint;
  objects: T[];
  /** The position of the next page; null after the last page. */
  next: Position | null;
  range: CreatedRange;
}

/**
 * A range of creation times that the pages so far cover completely. Epoch milliseconds, inclusive, null for
 * an open bound. `created` is in whole seconds, so the second in which a page ends belongs to the next page's
 * range.
 */
interface CreatedRange {
  from: number | null;
  until: number | null;
}

const pageSize = 100;

/** Maximum number of objects that Stripe returns individually but not in its lists. */
const maxUnlisted = 20;

/** Maximum number of mirrored objects that may be missing from a page. */
const maxMissing = 100;

/**
 * Fetches the next page of a list, newest first. If the object from which to continue no longer exists, the
 * page starts at that object's creation time.
 *
 * @param since the oldest creation time to list, epoch milliseconds; null for no limit.
 * @throws RunFailed if a listed object is in another mode than the key.
 * @throws ImplausibleAnswer if the page makes no progress.
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
    throw new RunFailed("wrong_mode: Stripe lists objects that are not in the key's mode");
  }
  const last = data.at(-1);
  if (more && last === undefined) {
    throw new ImplausibleAnswer('Stripe returned an empty page with `has_more`');
  }
  if (last !== undefined && (more || isBehind) && !isNextPage(position, last, isBehind)) {
    throw new ImplausibleAnswer('Stripe returned the same list page again');
  }
  counts.pages += 1;
  counts.objects += data.length;
  const hasNext = more && last !== undefined;
  return {
    number,
    rangeNumber: position.tiedSince === null ? number : BigInt(position.tiedSince),
    objects: data,
    next: hasNext ? positionAfter(position, data, last, number) : null,
    range: { from: hasNext ? (last.created + 1) * 1_000 : since, until: before },
  };
}

/**
 * Returns whether a page makes progress. Lists are newest first, so the last object of a page must not be
 * newer than that of the previous page, nor already listed. A page that starts at a creation time lists the
 * whole of that second.
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
 * Fetches each object in a page's range that is alive in the mirror but missing from the page.
 *
 * @param loadAlive loads the objects that are alive in the mirror.
 * @throws RunFailed if so many objects are missing that the list cannot be complete.
 */
export async function compareUnlisted<T extends Listed>(
  context: RunContext,
  objectType: SyncedType,
  position: Position,
  page: Page<T>,
  loadAlive: (query: AliveQuery) => Promise<{ id: string }[]>,
): Promise<void> {
  const { deps } = context;
  const listed = [...position.tied, ...page.objects.map(({ id }) => id)];
  let missing = 0;
  while (missing <= maxMissing) {
    const alive = await loadAlive({
      among: { id: { notIn: listed }, createdAt: createdWithin(page.range) },
      newest: {
        select: { id: true },
        orderBy: { createdAt: 'desc' },
        take: maxMissing + 1 - missing,
      },
    });
    if (alive.length === 0) return;
    listed.push(...alive.map(({ id }) => id));
    const refs = refsTo(objectType, alive);
    // An object that was fetched after the list may be newer than the list.
    const newer = await loadNewer(deps.database.prisma, refs, page.rangeNumber);
    for (const ref of refs) {
      await context.beat();
      const isOnTestClock = !newer.has(objectKey(ref)) && (await compareSingle(context, ref, true));
      if (!isOnTestClock) missing += 1;
    }
  }
  deps.metrics.alarms.inc({ kind: 'reconciliation_list_incomplete' });
  throw new RunFailed(
    `list_incomplete: more than ${maxMissing} objects (${objectType}) that are alive in the mirror are missing from Stripe's list`,
  );
}

/** The parts of a Prisma query for objects that are alive in the mirror. */
export interface AliveQuery {
  among: { id: { notIn: string[] }; createdAt: ReturnType<typeof createdWithin> };
  newest: { select: { id: true }; orderBy: { createdAt: 'desc' }; take: number };
}

function createdWithin({ from, until }: CreatedRange): { gte?: Date; lte?: Date } {
  return {
    ...(from === null ? {} : { gte: new Date(from) }),
    ...(until === null ? {} : { lte: new Date(until) }),
  };
}

/**
 * Fetches one object and compares it.
 *
 * @param unlisted whether the object is missing from its list.
 * @returns whether the object belongs to a test clock. Lists omit such objects.
 */
export async function compareSingle(
  context: RunContext,
  object: SyncedRef,
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
  const isOnTestClock = snapshot.onTestClock.includes(object.objectId);
  if (unlisted && !isOnTestClock && !isDeleted(snapshot)) {
    counts.unlisted += 1;
    if (counts.unlisted > maxUnlisted) {
      deps.metrics.alarms.inc({ kind: 'reconciliation_list_incomplete' });
      throw new RunFailed(
        `list_incomplete: ${counts.unlisted} objects that Stripe knows are missing from its list`,
      );
    }
  }
  await correct(context, { snapshot, number });
  return isOnTestClock;
}

/** Returns whether the object was deleted. Lists omit deleted customers, products and prices. */
function isDeleted(snapshot: StripeSnapshot): boolean {
  return syncedTypes.some((type) => snapshot[type].some((row) => 'deleted' in row && row.deleted));
}
