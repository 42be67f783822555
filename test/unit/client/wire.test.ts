import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { loadOpenApi, renderWire, wireFile } from '../../../src/dev/client-types.ts';

describe('the types of the wire', () => {
  it('are those of the OpenAPI document (else: npm run client:types)', async () => {
    expect(await readFile(wireFile, 'utf8')).toBe(await renderWire(await loadOpenApi()));
  });
});
