import { z } from 'zod';
import type { Bounds, Table } from '../state/table.ts';
import type { World } from '../state/world.ts';
import { missing, invalid } from '../stripe-error.ts';
import { toJson, type JsonObject } from '../wire.ts';
import { integer, text } from './params.ts';

/** The paging parameters of every list. */
export const paging = {
  limit: integer
    .refine((value) => value >= 1 && value <= 100, 'must be between 1 and 100')
    .optional(),
  starting_after: text.optional(),
  ending_before: text.optional(),
};

export const pagingOnly = z.strictObject(paging);

export interface Paging {
  limit?: number | undefined;
  starting_after?: string | undefined;
  ending_before?: string | undefined;
}

const defaultLimit = 10;

/**
 * Returns a page of a short list.
 *
 * @param all every match, in list order.
 */
export function page<T extends { id: string }>(
  all: readonly T[],
  params: Paging,
  url: string,
  show: (item: T) => JsonObject,
): JsonObject {
  const limit = params.limit ?? defaultLimit;
  refuseTwoCursors(params);
  if (params.ending_before !== undefined) {
    const before = all.slice(0, position(all, params.ending_before, 'ending_before'));
    return listObject(before.slice(-limit).map(show), before.length > limit, url);
  }
  const start =
    params.starting_after === undefined
      ? 0
      : position(all, params.starting_after, 'starting_after') + 1;
  const rest = all.slice(start);
  return listObject(rest.slice(0, limit).map(show), rest.length > limit, url);
}

/** Selects the rows that a page may contain. */
export interface Selection<T> {
  matches: (item: T) => boolean;
  /** Bounds on the creation time, which are looked up in an index. */
  created?: Bounds | undefined;
  /** Candidate rows from an index, if one applies. */
  among?: readonly T[] | undefined;
}

/** Returns a page of a table, newest first. Reads only the rows that the page needs. */
export function tablePage<T extends { id: string }>(
  { largestPage }: Pick<World, 'largestPage'>,
  table: Table<T, string>,
  selection: Selection<T>,
  params: Paging,
  url: string,
  show: (item: T) => JsonObject,
): JsonObject {
  refuseTwoCursors(params);
  const limit = Math.min(params.limit ?? defaultLimit, largestPage);
  const newer = params.ending_before !== undefined;
  const after = params.ending_before ?? params.starting_after;
  if (after !== undefined && !table.has(after)) {
    throw missing('object', after, newer ? 'ending_before' : 'starting_after', 400);
  }
  const walk = { after, newer, created: selection.created };
  const rows =
    selection.among === undefined ? table.walk(walk) : table.walkAmong(selection.among, walk);
  const found: T[] = [];
  for (const row of rows) {
    if (selection.matches(row)) {
      found.push(row);
    }
    if (found.length > limit) {
      break;
    }
  }
  const shown = found.slice(0, limit);
  return listObject((newer ? shown.reverse() : shown).map(show), found.length > limit, url);
}

/** Returns whether a timestamp lies within the bounds. */
export function within(instant: number, { gt, gte, lt, lte }: Bounds = {}): boolean {
  return (
    (gt === undefined || instant > gt) &&
    (gte === undefined || instant >= gte) &&
    (lt === undefined || instant < lt) &&
    (lte === undefined || instant <= lte)
  );
}

/** Returns whether a value matches an optional filter. */
export function matches<T>(wanted: T | undefined, value: T | null | undefined): boolean {
  return wanted === undefined || wanted === value;
}

function refuseTwoCursors(params: Paging): void {
  if (params.starting_after !== undefined && params.ending_before !== undefined) {
    throw invalid(
      'You may only specify one of these parameters: starting_after, ending_before.',
      'parameter_invalid',
    );
  }
}

function position(all: readonly { id: string }[], id: string, param: string): number {
  const index = all.findIndex((item) => item.id === id);
  if (index < 0) {
    throw missing('object', id, param, 400);
  }
  return index;
}

function listObject(data: JsonObject[], hasMore: boolean, url: string): JsonObject {
  return toJson({ object: 'list', data, has_more: hasMore, url });
}
