import { describe, expect, it } from 'vitest';
import { renderFeatures } from '../../../src/client/catalog-types.ts';

describe('the types of a catalog', () => {
  it('name each feature with its kind, in one order, whatever characters a code has', () => {
    const feature = (feature_code: string, type: 'boolean' | 'limit' | 'config') => ({
      ...{ feature_code, type, name: feature_code, description: null },
    });
    expect(
      renderFeatures([
        feature('notebooks', 'limit'),
        feature('ai.export-v2', 'boolean'),
        feature('branding', 'config'),
      ]),
    ).toBe(
      '// Written by `npx latchkey types`. Do not edit.\n' +
        'export interface Features {\n' +
        '  "ai.export-v2": "boolean";\n' +
        '  "branding": "config";\n' +
        '  "notebooks": "limit";\n' +
        '}\n',
    );
  });
});
