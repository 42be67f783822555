import { z } from 'zod';
import type { FigureLine } from './core/csv.ts';

/** How a kind of value is written: as JSON with its schema, and as lines of CSV. */
export interface Shape<Value, Json> {
  schema: z.ZodType<Json>;
  toJson(value: Value): Json;
  toLines(name: string, json: Json): FigureLine[];
}

export const count: Shape<number, number> = {
  schema: z.int(),
  toJson: (value) => value,
  toLines: (figure, value) => [{ figure, value }],
};

/** Counts by a key such as a status or a product. */
export const counts: Shape<ReadonlyMap<string, number>, Record<string, number>> = {
  schema: z.record(z.string(), z.int()),
  toJson: (byKey) => sorted(byKey, (value) => value),
  toLines: (figure, byKey) => Object.entries(byKey).map(([of, value]) => ({ figure, of, value })),
};

/** Whole minor units by currency. */
export const money: Shape<ReadonlyMap<string, bigint>, Record<string, number>> = {
  schema: z.record(z.string(), z.int()).describe('Minor units by currency'),
  toJson: (byCurrency) => sorted(byCurrency, clampToSafeInteger),
  toLines: (figure, byCurrency) =>
    Object.entries(byCurrency).map(([currency, value]) => ({ figure, currency, value })),
};

const amountNames = ['gross', 'refunded', 'disputed', 'net'] as const;
type Amounts<Unit> = Record<(typeof amountNames)[number], Unit>;

/** What came in and went back, by currency; a net may be below 0. */
export const amounts: Shape<
  ReadonlyMap<string, Readonly<Amounts<bigint>>>,
  Record<string, Amounts<number>>
> = {
  schema: z.record(z.string(), z.object(eachAmount(() => z.int()))),
  toJson: (byCurrency) =>
    sorted(byCurrency, (sums) => eachAmount((name) => clampToSafeInteger(sums[name]))),
  toLines: (figure, byCurrency) =>
    Object.entries(byCurrency).flatMap(([currency, sums]) =>
      amountNames.map((name) => ({ figure: `${figure}.${name}`, currency, value: sums[name] })),
    ),
};

function eachAmount<Out>(toOut: (name: keyof Amounts<unknown>) => Out): Amounts<Out> {
  return Object.fromEntries(amountNames.map((name) => [name, toOut(name)])) as Amounts<Out>; // all of them
}

type Members = Readonly<Record<string, Shape<unknown, unknown>>>;
type ValuesOf<Group extends Members> = {
  [Name in keyof Group]: Group[Name] extends Shape<infer Value, unknown> ? Value : never;
};
type JsonOf<Group extends Members> = {
  [Name in keyof Group]: z.output<Group[Name]['schema']>;
};

/** Several values under names of their own. */
export function group<Group extends Members>(
  members: Group,
): Shape<ValuesOf<Group>, JsonOf<Group>> {
  const each = <Out>(toOut: (shape: Members[string], name: string) => Out) =>
    Object.fromEntries(Object.entries(members).map(([name, shape]) => [name, toOut(shape, name)]));
  return {
    schema: z.object(each(({ schema }) => schema)) as unknown as z.ZodType<JsonOf<Group>>, // by their names
    toJson: (values) => each((shape, name) => shape.toJson(values[name])) as JsonOf<Group>, // by their names
    toLines: (figure, json) =>
      Object.entries(members).flatMap(([name, shape]) =>
        shape.toLines(`${figure}.${name}`, json[name]),
      ),
  };
}

/**
 * Clamps an amount to what JSON numbers hold exactly, 90 trillion dollars. One absurd subscription must not
 * keep all projects from their reports.
 */
function clampToSafeInteger(amount: bigint): number {
  const most = BigInt(Number.MAX_SAFE_INTEGER);
  return Number(amount > most ? most : amount < -most ? -most : amount);
}

function sorted<T, Out>(
  map: ReadonlyMap<string, T>,
  toOut: (value: T) => Out,
): Record<string, Out> {
  const entries = [...map].sort(([one], [other]) => (one < other ? -1 : 1));
  return Object.fromEntries(entries.map(([key, value]) => [key, toOut(value)]));
}
