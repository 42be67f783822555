import { isJsonObject, type Json, type JsonObject } from '../wire.ts';

/**
 * Returns an event's `previous_attributes`, or undefined if nothing changed. They contain the old values of
 * changed fields: of a nested object only its changed fields, of a list all entries.
 */
export function difference(before: JsonObject, after: JsonObject): JsonObject | undefined {
  const previous: JsonObject = {};
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const old = before[key] ?? null;
    const current = after[key] ?? null;
    if (!same(old, current)) {
      previous[key] =
        isJsonObject(old) && isJsonObject(current) ? (difference(old, current) ?? {}) : old;
    }
  }
  return Object.keys(previous).length === 0 ? undefined : previous;
}

function same(left: Json, right: Json): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}
