import { z } from 'zod';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { tablePage, within, type Paging } from '../http/list.ts';
import { render } from '../state/render.ts';
import type { Bounds, Table } from '../state/table.ts';
import type { Entity, Tables } from '../state/tables.ts';
import { need, type World } from '../state/world.ts';

export const none = z.strictObject({});

interface ReadSpec<T extends Entity, P extends Paging> {
  path: string;
  /** Stripe's name for this kind of object in `No such …` messages. */
  kind: string;
  table: (tables: Tables) => Table<T, string>;
  /** The list's filters and paging parameters. `listing` itself applies `created`. */
  filters: z.ZodType<P>;
  matches: (item: T, filters: P, world: World) => boolean;
  /** Returns candidate rows from an index, or undefined if no index applies. */
  among?: (tables: Tables, filters: P) => readonly T[] | undefined;
}

/** Returns the retrieve and list routes that nearly every kind of object has. Lists are newest first. */
export function reads<T extends Entity, P extends Paging & { created?: Bounds | undefined }>(
  spec: ReadSpec<T, P>,
): Endpoint[] {
  return [retrieval(spec), listing(spec)];
}

function retrieval<T extends Entity>(
  spec: Pick<ReadSpec<T, Paging>, 'path' | 'kind' | 'table'>,
): Endpoint {
  return endpoint('GET', `${spec.path}/:id`, none, (world, _params, { id }) =>
    render(world.tables, need(spec.table(world.tables), spec.kind, id)),
  );
}

export function listing<T extends Entity, P extends Paging & { created?: Bounds | undefined }>(
  spec: Omit<ReadSpec<T, P>, 'kind'>,
): Endpoint {
  return endpoint('GET', spec.path, spec.filters, (world, filters) => {
    const { created } = filters;
    return tablePage(
      world,
      spec.table(world.tables),
      {
        created,
        among: spec.among?.(world.tables, filters),
        matches: (item) =>
          (!('created' in item) || within(item.created, created)) &&
          spec.matches(item, filters, world),
      },
      filters,
      spec.path,
      (item) => render(world.tables, item),
    );
  });
}

/** Returns the rows selected by the first filter that is set, or undefined if no filter is set. */
export function subset<T>(
  ...choices: readonly [wanted: string | undefined, rows: (wanted: string) => T[]][]
): T[] | undefined {
  for (const [wanted, rows] of choices) {
    if (wanted !== undefined) {
      return rows(wanted);
    }
  }
  return undefined;
}
