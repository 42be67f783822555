import { z } from 'zod';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { newestFirst, page, type Paging } from '../http/list.ts';
import { render } from '../state/render.ts';
import type { Entity, Tables } from '../state/tables.ts';
import { need, type World } from '../state/world.ts';

export const none = z.strictObject({});

interface ReadSpec<T extends Entity, P extends Paging> {
  path: string;
  /** What Stripe calls it in `No such …`. */
  kind: string;
  table: (tables: Tables) => ReadonlyMap<string, T>;
  /** The list's filters and paging. */
  filters: z.ZodType<P>;
  matches: (item: T, filters: P, world: World) => boolean;
}

/** The two reads that nearly every kind of object has: one by its id, and the list, newest first. */
export function reads<T extends Entity, P extends Paging>(spec: ReadSpec<T, P>): Endpoint[] {
  return [retrieval(spec), listing(spec)];
}

export function retrieval<T extends Entity>(
  spec: Pick<ReadSpec<T, Paging>, 'path' | 'kind' | 'table'>,
): Endpoint {
  return endpoint('GET', `${spec.path}/:id`, none, (world, _params, { id }) =>
    render(world.tables, need(spec.table(world.tables), spec.kind, id)),
  );
}

export function listing<T extends Entity, P extends Paging>(
  spec: Omit<ReadSpec<T, P>, 'kind'>,
): Endpoint {
  return endpoint('GET', spec.path, spec.filters, (world, filters) =>
    page(
      newestFirst(spec.table(world.tables)).filter((item) => spec.matches(item, filters, world)),
      filters,
      spec.path,
      (item) => render(world.tables, item),
    ),
  );
}
