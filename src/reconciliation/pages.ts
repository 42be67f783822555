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

/** The fields that every list shows of an object. */
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
  /** Drawn before the page was requested. */
  number: bigint;
  /** Drawn before the first page was requested that shows some of the stretch. */
  stretchNumber: bigint;
  objects: T[];
  /** The position of the next page; null = this was the last. */
  next: Position | null;
  stretch: Stretch;
}

/**
 * The range of creations (epoch milliseconds, inclusive; null = open) of which the pages up to this one
 * show everything. Lists page by whole seconds: the second in which a page ends belongs to the stretch of
 * the page that shows the rest of it.
 */
interface Stretch {
  from: number | null;
  until: number | null;
}

const pageSize = 100;

/** Maximum number of objects that Stripe knows but a list may lack by accident. */
const maxUnlisted = 20;
const maxLacking = 100;

/**
 * Fetches the next page of a list, newest first. If the object behind which it begins no longer exists, it
 * continues by the time.
 *
 * @param since the oldest creation to list, epoch milliseconds; null = all.
 * @throws RunFailed if a listed object is not of our mode.
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
    throw new RunFailed("wrong_mode: Stripe lists objects of another mode than the key's");
  }
  const last = data.at(-1);
  if (more && last === undefined) {
    throw new ImplausibleAnswer('Stripe returned an empty page, and says that there are more');
  }
  if (last !== undefined && (more || isBehind) && !isNextPage(position, last, isBehind)) {
    throw new ImplausibleAnswer('Stripe repeated a page of a list');
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
 * Returns whether a page makes progress. Lists are newest first, so a page does not if it ends later than
 * the one before, or with an object already shown. A page that continues by the time shows its second from
 * the start.
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
 * Fetches each object that the mirror stores as alive in the stretch of a page and that the page does not show.
 * Lists are newest first, so between pages only the ids of the last second must be remembered.
 *
 * @param loadAlive loads the objects that are stored as alive.
 * @throws RunFailed if a list lacks so much that it cannot be right.
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
  let lacking = 0;
  while (lacking <= maxLacking) {
    const alive = await loadAlive({
      among: { id: { notIn: listed }, createdAt: createdWithin(page.stretch) },
      newest: {
        select: { id: true },
        orderBy: { createdAt: 'desc' },
        take: maxLacking + 1 - lacking,
      },
    });
    if (alive.length === 0) return;
    listed.push(...alive.map(({ id }) => id));
    const refs = refsTo(objectType, alive);
    // An object that was fetched after the list had passed its position could not be on it.
    const newer = await loadNewer(deps.database.prisma, refs, page.stretchNumber);
    for (const ref of refs) {
      await context.beat();
      const isLeftOut = !newer.has(objectKey(ref)) && (await compareSingle(context, ref, true));
      if (!isLeftOut) lacking += 1;
    }
  }
  deps.metrics.alarms.inc({ kind: 'reconciliation_list_incomplete' });
  throw new RunFailed(
    `list_incomplete: Stripe's list lacks more than ${maxLacking} objects (${objectType}) that the mirror holds alive`,
  );
}

/** The parts of a query, in Prisma's form: which objects to load, and how. */
export interface AliveQuery {
  among: { id: { notIn: string[] }; createdAt: Within };
  newest: { select: { id: true }; orderBy: { createdAt: 'desc' }; take: number };
}

/** A range of creations, in Prisma's form. */
interface Within {
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
 * @param unlisted whether a list lacks it.
 * @returns whether lists leave it out by rule, since it is on a test clock.
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
  const isLeftOut = snapshot.onTestClock.includes(object.objectId);
  if (unlisted && !isLeftOut && !isGone(snapshot)) {
    counts.unlisted += 1;
    if (counts.unlisted > maxUnlisted) {
      deps.metrics.alarms.inc({ kind: 'reconciliation_list_incomplete' });
      throw new RunFailed(
        `list_incomplete: Stripe's list lacks ${counts.unlisted} objects that Stripe knows`,
      );
    }
  }
  await correct(context, { snapshot, number });
  return isLeftOut;
}

/** Returns whether the object was deleted: lists never show deleted customers, products and prices. */
function isGone(snapshot: StripeSnapshot): boolean {
  return syncedTypes.some((type) => snapshot[type].some((row) => 'deleted' in row && row.deleted));
}
