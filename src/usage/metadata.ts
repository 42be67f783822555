import { z } from 'zod';
import { isStorableValue } from '../entitlements/feature-value.ts';
import type { JsonObject } from './json-object.ts';

const maxLength = 2_000;

function isMetadata(value: unknown): value is JsonObject {
  return (
    typeof value === 'object' &&
    !Array.isArray(value) &&
    isStorableValue(value) &&
    JSON.stringify(value).length <= maxLength
  );
}

/** What an app notes with an entry. */
export const metadataSchema = z
  .custom<JsonObject>(isMetadata, {
    error: 'must be a JSON object of at most 2,000 characters and 32 levels',
  })
  .describe('A JSON object to keep with the entry')
  .meta({ type: 'object', additionalProperties: true });
