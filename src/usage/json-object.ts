import type { JsonValue } from '../entitlements/core/facts.ts';

/** A JSON object, such as the metadata of an entry. */
export type JsonObject = Record<string, JsonValue>;
