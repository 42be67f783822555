import type Stripe from 'stripe';

/** Stripe contradicts itself, so nothing is concluded from its answer. The message names nothing internal. */
export class ImplausibleAnswer extends Error {}

/** The parameters that page a list. */
interface PageParams {
  limit: number;
  starting_after?: string;
}

/** Fetches a page of a list. */
export type ListPage<T> = (page: PageParams) => PromiseLike<Stripe.ApiList<T>>;

const pageSize = 100;

/**
 * Yields everything that a list holds, page by page. An object that a changing list shows twice comes once.
 * The SDK's own paging follows a repeating page without end, or up to its bound.
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
      throw new ImplausibleAnswer('Stripe repeated a page of a list');
    }
    for (const object of fresh) {
      seen.add(object.id);
      yield object;
    }
    const last = data.at(-1);
    if (!more) return;
    if (last === undefined) {
      throw new ImplausibleAnswer('Stripe returned an empty page, and says that there are more');
    }
    page = { limit: pageSize, starting_after: last.id };
  }
}

/** Returns everything that a list holds, each object once. The same errors. */
export async function listAll<T extends { id: string }>(list: ListPage<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const object of eachListed(list)) all.push(object);
  return all;
}

/** Returns a whole nested list: Stripe leaves it out unless it is expanded, and cuts it at ten entries. */
export async function wholeList<T extends { id: string }>(
  nested: Stripe.ApiList<T> | null | undefined,
  list: ListPage<T>,
): Promise<T[]> {
  return nested?.has_more === false ? nested.data : listAll(list);
}
