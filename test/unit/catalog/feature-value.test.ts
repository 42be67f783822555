import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FeatureType, JsonValue } from '../../../src/entitlements/core/facts.ts';
import { isStorableValue, valueFault } from '../../../src/entitlements/feature-value.ts';

describe('valueFault', () => {
  const accepted: [FeatureType, JsonValue][] = [
    ['boolean', true],
    ['limit', 1],
    ['limit', Number.MAX_SAFE_INTEGER],
    ['limit', 'unlimited'],
    ['config', true],
    ['config', ''],
    ['config', { seats: 0, beta: false, note: null }],
    ['config', []],
  ];
  it.each(accepted)('lets a %s be %j', (type, value) => {
    expect(valueFault(type, value)).toBeNull();
  });

  const refused: [FeatureType, JsonValue][] = [
    ['boolean', false],
    ['boolean', 1],
    ['boolean', 'true'],
    ['boolean', null],
    ['limit', 0],
    ['limit', -1],
    ['limit', 1.5],
    ['limit', 2 ** 53],
    ['limit', '5'],
    ['limit', 'Unlimited'],
    ['limit', true],
    ['limit', [1]],
    ['config', null],
    ['config', false],
    ['config', 0],
    ['config', -0],
  ];
  it.each(refused)('refuses a %s to be %j', (type, value) => {
    expect(valueFault(type, value)).toMatch(/^must/);
  });
});

describe('isStorableValue', () => {
  it('holds for any modest JSON but null', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 5 }), (text) => {
        const value: unknown = JSON.parse(text);
        fc.pre(value !== null && text.length < 10_000 && !text.includes('\\u'));
        expect(isStorableValue(value)).toBe(true);
      }),
    );
  });

  it.each([
    ['null', null],
    ['undefined', undefined],
    ['a number too large to be one', JSON.parse('1e400')],
    ['NUL in a string', ['a\0b']],
    ['NUL in a key', { 'a\0b': 1 }],
    ['half of a surrogate pair', '\ud83d'],
    ['more than 16,384 characters', 'x'.repeat(16_384)],
  ] as [string, unknown][])('refuses %s', (_name, value) => {
    expect(isStorableValue(value)).toBe(false);
  });

  it('refuses nesting beyond 32 levels, however deep, without exhausting the stack', () => {
    const nested = (levels: number): unknown => JSON.parse('['.repeat(levels) + ']'.repeat(levels));
    expect(isStorableValue(nested(32))).toBe(true);
    expect(isStorableValue(nested(34))).toBe(false);
    expect(isStorableValue(nested(200_000))).toBe(false);
  });
});
