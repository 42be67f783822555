import { at } from './json.ts';
import type { TestService } from './service.ts';

/** Returns the rows at `field` of a response; none if it is no list. */
export function rowsOf(body: unknown, field = 'data'): unknown[] {
  const rows: unknown = at(body, field);
  return Array.isArray(rows) ? rows : [];
}

/** Loads all rows of a list, page by page of `limit`. */
export async function allPages(
  service: TestService,
  path: string,
  key: string,
  limit: number,
): Promise<unknown[]> {
  const rows: unknown[] = [];
  let cursor: unknown = '';
  while (typeof cursor === 'string') {
    const after = cursor === '' ? '' : `&cursor=${cursor}`;
    const { body } = await service.request('GET', `${path}?limit=${limit}${after}`, { key });
    rows.push(...rowsOf(body));
    cursor = at(body, 'next_cursor');
  }
  return rows;
}
