import fc from 'fast-check';
import { expect, test } from 'vitest';
import { jsonText } from '../../../src/dev/json-text.ts';

test('what fits stays on one line', () => {
  expect(jsonText({ a: [1, 2], b: { c: null } }, 40)).toBe('{ "a": [1, 2], "b": { "c": null } }');
});

test('what does not fit is broken, and its parts are tried again', () => {
  expect(jsonText({ first: [1, 2, 3], second: { c: 'a longer text' } }, 30)).toBe(
    '{\n  "first": [1, 2, 3],\n  "second": {\n    "c": "a longer text"\n  }\n}',
  );
});

test('it is JSON of the same value, whatever the width', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.integer({ min: 0, max: 120 }), (value, width) => {
      const plain = JSON.stringify(value);
      expect(JSON.stringify(JSON.parse(jsonText(value, width)))).toBe(
        JSON.stringify(JSON.parse(plain)),
      );
    }),
  );
});
