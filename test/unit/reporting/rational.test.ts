import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  add,
  compare,
  multiply,
  parseDecimal,
  rational,
  roundHalfUp,
  subtract,
} from '../../../src/reporting/core/rational.ts';

describe('decimals', () => {
  it.each([
    ['0', 0n, 1n],
    ['12', 12n, 1n],
    ['12.50', 25n, 2n],
    ['-0.125', -1n, 8n],
    ['0.000000000001', 1n, 1_000_000_000_000n],
    ['1.5E+3', 1_500n, 1n],
    ['1e-7', 1n, 10_000_000n],
    ['123456789012345678901234567890.5', 246913578024691357802469135781n, 2n],
  ])('%s is exact', (text, numerator, denominator) => {
    expect(parseDecimal(text)).toEqual({ numerator, denominator });
  });

  it.each(['', '.5', '1.', '1,5', 'NaN', '0x10', '1e9999', ' 1'])('"%s" is none', (text) => {
    expect(() => parseDecimal(text)).toThrow(RangeError);
  });
});

describe('rounding', () => {
  it.each([
    [1n, 2n, 1n],
    [-1n, 2n, -1n],
    [3n, 2n, 2n],
    [5n, 2n, 3n],
    [-5n, 2n, -3n],
    [49n, 100n, 0n],
    [-49n, 100n, 0n],
    [7n, 3n, 2n],
    [8n, 3n, 3n],
  ])('%s/%s → %s', (numerator, denominator, expected) => {
    expect(roundHalfUp(rational(numerator, denominator))).toBe(expected);
  });
});

describe('arithmetic', () => {
  const fraction = fc
    .tuple(fc.bigInt(-1000n, 1000n), fc.bigInt(1n, 60n))
    .map(([numerator, denominator]) => rational(numerator, denominator));

  it('is exact in any order', () => {
    fc.assert(
      fc.property(fraction, fraction, fraction, (a, b, c) => {
        expect(add(a, add(b, c))).toEqual(add(add(c, a), b));
        expect(multiply(a, add(b, c))).toEqual(add(multiply(a, b), multiply(a, c)));
        expect(subtract(add(a, b), b)).toEqual(a);
        expect(Math.sign(compare(a, b)) + Math.sign(compare(b, a))).toBe(0);
      }),
    );
  });

  it('knows no part of nothing', () => {
    expect(() => rational(1n, 0n)).toThrow(RangeError);
    expect(rational(3n, -6n)).toEqual({ numerator: -1n, denominator: 2n });
  });
});
