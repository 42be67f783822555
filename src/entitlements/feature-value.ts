import { z } from 'zod';
import type { FeatureType, JsonValue } from './core/facts.ts';

/** A value that a mapping or a grant may contain: never null, which would mean "nothing". */
export type GivenValue = Exclude<JsonValue, null>;

/** Returns a stored type of a feature; the database allows no other. */
export function featureType(word: string): FeatureType {
  if (word === 'boolean' || word === 'limit' || word === 'config') return word;
  throw new Error(`the database contains a feature of unknown type '${word}'`);
}

const maxDepth = 32;
const maxLength = 16_384;

/**
 * Returns what is wrong with `value` for a feature of this type, or null if it is valid: `true` for
 * `boolean`; an integer ≥ 1 or `"unlimited"` for `limit`; any JSON value except null, `false` and 0 for
 * `config`, which read as "no".
 */
export function valueFault(type: FeatureType, value: JsonValue): string | null {
  switch (type) {
    case 'boolean':
      return value === true ? null : 'must be `true`: the feature is a `boolean`';
    case 'limit':
      return value === 'unlimited' || (Number.isSafeInteger(value) && Number(value) >= 1)
        ? null
        : 'must be a whole number of at least 1, or `"unlimited"`: the feature is a `limit`';
    case 'config':
      return value === null || value === false || value === 0
        ? 'must not be `null`, `false` or 0: leave the feature out instead'
        : null;
  }
}

/**
 * Returns whether `value` is JSON that the database can store: at most 32 levels and 16,384 characters,
 * finite numbers, strings without NUL and without unpaired surrogates. Never recurses.
 */
export function isStorableValue(value: unknown): value is GivenValue {
  if (value === null) return false;
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > maxDepth || !level.every(isStorableScalarOrContainer)) return false;
    level = level.flatMap(splitSnapshot);
  }
  return JSON.stringify(value).length <= maxLength;
}

/** A value in a request's body; `valueFault` checks whether it fits the feature's type. */
export const givenValueSchema = z
  .custom<GivenValue>(isStorableValue, {
    error: 'must be JSON other than `null`, of at most 16,384 characters and 32 levels',
  })
  .describe('boolean: true; limit: an integer ≥ 1 or "unlimited"; config: a JSON value');

function isStorableScalarOrContainer(value: unknown): boolean {
  if (typeof value === 'string') return value.isWellFormed() && !value.includes('\0');
  if (typeof value === 'number') return Number.isFinite(value);
  return typeof value === 'boolean' || typeof value === 'object';
}

/** Returns the direct parts of a container, an object's keys included. */
function splitSnapshot(value: unknown): unknown[] {
  if (typeof value !== 'object' || value === null) return [];
  return Array.isArray(value) ? value : Object.entries(value).flat();
}
