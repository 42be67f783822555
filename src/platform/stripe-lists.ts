import type Stripe from 'stripe';

/**
 * Thrown if Stripe's responses contradict each other and so must not be used. The message may be shown to API
 * callers.
 */
export class ImplausibleAnswer extends Error {}

/** The parameters that page a list. */
interface PageParams {
  limit: number;
  starting_after?: string;
}

/** Fetches one page of a list. */
export type ListPage<T> = (
  page: PageParams,
) => PromiseLike<Pick<Stripe.ApiList<T>, 'data' | 'has_more'>>;

const pageSize = 100;

/**
 * Yields every object in a list once, page by page. If pages repeated, the SDK's own paging would follow them
 * without end or up to its limit.
 *
 * @throws ImplausibleAnswer if a page makes no progress.
 */
export async function* eachListed<T extends { id: string }>(list: ListPage<T>): AsyncGenerator<T> {
  const seen = new Set<string>();
  let page: PageParams = { limit: pageSize };
  for (;;) {
    const { data, has_more: more } = await list(page);
    const fresh = data.filter(({ id }) => !seen.has(id));
    if (data.length > 0 && fresh.length === 0) {
      throw new ImplausibleAnswer('Stripe returned the same list page again');
    }
    for (const object of fresh) {
      seen.add(object.id);
      yield object;
    }
    const last = data.at(-1);
    if (!more) return;
    if (last === undefined) {
      throw new ImplausibleAnswer('Stripe returned an empty page with `has_more`');
    }
    page = { limit: pageSize, starting_after: last.id };
  }
}

/**
 * Returns every object in a list once.
 *
 * @throws ImplausibleAnswer if a page makes no progress.
 */
export async function listAll<T extends { id: string }>(list: ListPage<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const object of eachListed(list)) all.push(object);
  return all;
}

/**
 * Returns a whole nested list. Stripe omits such a list unless it is expanded, and truncates it to ten
 * entries.
 */
export async function wholeList<T extends { id: string }>(
  nested: Stripe.ApiList<T> | null | undefined,
  list: ListPage<T>,
): Promise<T[]> {
  return nested?.has_more === false ? nested.data : listAll(list);
}

/**
 * Returns the list if all of its objects belong to the requested owner.
 *
 * @param ownerOf returns the id of a listed object's owner; null if the object does not name one.
 * @throws ImplausibleAnswer if an object belongs to another owner.
 */
export function ofOnly<T>(
  owner: string,
  listed: readonly T[],
  ownerOf: (object: T) => string | null,
): readonly T[] {
  if (listed.every((object) => (ownerOf(object) ?? owner) === owner)) return listed;
  throw new ImplausibleAnswer('Stripe listed an object that belongs to another owner');
}
