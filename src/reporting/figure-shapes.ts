import { z } from 'zod';
import type { JsonValue } from '../entitlements/core/facts.ts';
import { byText } from '../entitlements/core/order.ts';
import type { FigureLine } from './core/csv.ts';

/** How one kind of value is represented in JSON and CSV. */
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

/** A whole number of minor units, or of units of a metered feature. */
const amount: Shape<bigint, number> = { ...count, toJson: clampToSafeInteger };

/** Numbers by a key, such as a status or a product. */
export const counts = byKey('of', count);

export const money = byKey('currency', amount, 'Minor units by currency');

/** Revenue by currency. The net amount may be negative. */
export const revenue = byKey(
  'currency',
  group({ gross: amount, refunded: amount, disputed: amount, net: amount }),
);

/** Units of metered features by feature code. */
export const usage = byKey('of', group({ used: amount, reversed: amount, users: count }));

/** Returns the shape of values by key. The key has its own CSV column. */
function byKey<Value, Json>(
  column: 'of' | 'currency',
  each: Shape<Value, Json>,
  meaning?: string,
): Shape<ReadonlyMap<string, Value>, Record<string, Json>> {
  const schema = z.record(z.string(), each.schema);
  return {
    schema: meaning === undefined ? schema : schema.describe(meaning),
    toJson: (values) =>
      Object.fromEntries(
        [...values]
          .sort(([one], [other]) => byText(one, other))
          .map(([key, value]) => [key, each.toJson(value)]),
      ),
    toLines: (figure, json) =>
      Object.entries(json).flatMap(([key, value]) =>
        each.toLines(figure, value).map((line) => ({ ...line, [column]: key })),
      ),
  };
}

type Members = Readonly<Record<string, Shape<unknown, JsonValue>>>;
type ValuesOf<Group extends Members> = {
  [Name in keyof Group]: Group[Name] extends Shape<infer Value, unknown> ? Value : never;
};

/** Returns the shape of a group of named values. */
export function group<Group extends Members>(
  members: Group,
): Shape<ValuesOf<Group>, Record<string, JsonValue>> {
  const each = <Out>(toOut: (shape: Members[string], name: string) => Out) =>
    Object.fromEntries(Object.entries(members).map(([name, shape]) => [name, toOut(shape, name)]));
  return {
    schema: z.object(each(({ schema }) => schema)),
    toJson: (values) => each((shape, name) => shape.toJson(values[name])),
    toLines: (figure, json) =>
      Object.entries(members).flatMap(([name, shape]) =>
        shape.toLines(`${figure}.${name}`, json[name] ?? null),
      ),
  };
}

/**
 * Clamps an amount to the range of exact JSON numbers, 90 trillion dollars, so that one subscription with an
 * absurd quantity does not break all reports.
 */
function clampToSafeInteger(amount: bigint): number {
  const max = BigInt(Number.MAX_SAFE_INTEGER);
  return Number(amount > max ? max : amount < -max ? -max : amount);
}
