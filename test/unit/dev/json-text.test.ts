import fc from 'fast-check';
import { expect, test } from 'vitest';
import { jsonText } from '../../../src/dev/json-text.ts';

test('what fits stays on one line', () => {
  expect(jsonText({ a: [1, 2], b: { c: null } }, 40)).toBe('{ "a": [1, 2], "b": { "c": null } }');
});

test('of what does not fit, as many members share a line as fit', () => {
  const value = { id: 'u_42', revision: 1, sources: [{ type: 'grant', id: 'gr_12345678' }], at: 7 };
  expect(jsonText(value, 40)).toBe(
    [
      '{',
      '  "id": "u_42", "revision": 1,',
      '  "sources": [',
      '    {',
      '      "type": "grant",',
      '      "id": "gr_12345678"',
      '    }',
      '  ],',
      '  "at": 7',
      '}',
    ].join('\n'),
  );
});

test('it is JSON of the same value, at every width', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.integer({ min: 0, max: 120 }), (value, width) => {
      const plain = JSON.stringify(value);
      expect(JSON.stringify(JSON.parse(jsonText(value, width)))).toBe(
        JSON.stringify(JSON.parse(plain)),
      );
    }),
  );
});
