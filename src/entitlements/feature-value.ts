import { z } from 'zod';
import { isGivenAllowance } from './core/allowance.ts';
import type { FeatureType, JsonValue } from './core/facts.ts';

/** The value of a mapping or grant, which is never null. */
export type GivenValue = Exclude<JsonValue, null>;

/** Narrows the stored type of a feature. A check constraint allows no others. */
export function featureType(type: string): FeatureType {
  if (type === 'boolean' || type === 'limit' || type === 'config' || type === 'metered')
    return type;
  throw new Error(`the database contains a feature of unknown type '${type}'`);
}

const maxDepth = 32;
const maxLength = 16_384;

/**
 * Returns what is wrong with a value for a feature of this type; null if the value is valid. Valid values are
 * `true` for `boolean`; an integer of at least 1 or `"unlimited"` for `limit`; any JSON value except null,
 * `false` and 0 for `config`; an allowance or `"unlimited"` for `metered`.
 */
export function valueFault(type: FeatureType, value: JsonValue): string | null {
  switch (type) {
    case 'boolean':
      return value === true ? null : 'must be `true`: the feature is a `boolean`';
    case 'limit':
      return value === 'unlimited' || (Number.isSafeInteger(value) && Number(value) >= 1)
        ? null
        : 'must be a whole number of at least 1, or `"unlimited"`: the feature is a `limit`';
    case 'metered':
      return value === 'unlimited' || isGivenAllowance(value)
        ? null
        : 'must be `{amount, every?, rollover?: {max, periods}}` with whole numbers of at least 1, `every` one of `day`, `week`, `month`, `year` and `period`, at most 12 `periods`, and `rollover` only with `every`; or `"unlimited"`: the feature is `metered`';
    case 'config':
      return value === null || value === false || value === 0
        ? 'must not be `null`, `false` or 0: leave the feature out instead'
        : null;
  }
}

/**
 * Returns whether a value is JSON that the database can store: at most 32 levels and 16,384 characters,
 * finite numbers, strings without NUL or unpaired surrogates. The check does not recurse, so deep values are
 * safe.
 */
export function isStorableValue(value: unknown): value is GivenValue {
  if (value === null) return false;
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > maxDepth || !level.every(isStorableScalarOrContainer)) return false;
    level = level.flatMap(partsOf);
  }
  return JSON.stringify(value).length <= maxLength;
}

/** A value in a request body. `valueFault` checks it against the feature's type. */
export const givenValueSchema = z
  .custom<GivenValue>(isStorableValue, {
    error: 'must be JSON other than `null`, of at most 16,384 characters and 32 levels',
  })
  .describe(
    '`true` for a boolean; an integer ≥ 1 or `"unlimited"` for a limit; any JSON value for a config; `{amount, every?, rollover?}` or `"unlimited"` for a metered feature',
  )
  .meta({ type: ['boolean', 'number', 'string', 'object', 'array'], items: {} });

function isStorableScalarOrContainer(value: unknown): boolean {
  if (typeof value === 'string') return value.isWellFormed() && !value.includes('\0');
  if (typeof value === 'number') return Number.isFinite(value);
  return typeof value === 'boolean' || typeof value === 'object';
}

/** Returns the elements of an array, or the keys and values of an object. */
function partsOf(value: unknown): unknown[] {
  if (typeof value !== 'object' || value === null) return [];
  return Array.isArray(value) ? value : Object.entries(value).flat();
}
