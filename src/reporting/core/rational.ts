/*
 * Computes with exact fractions, for amounts such as a twelfth of a yearly price or a third off. Only
 * `roundHalfUp` rounds.
 */

/** A fraction in lowest terms with a positive denominator. */
export interface Rational {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

export const zero: Rational = { numerator: 0n, denominator: 1n };

/**
 * Returns the fraction in lowest terms.
 *
 * @throws RangeError if the denominator is 0.
 */
export function rational(numerator: bigint, denominator = 1n): Rational {
  if (denominator === 0n) throw new RangeError('The denominator must not be 0.');
  const divisor = gcd(numerator, denominator) * (denominator < 0n ? -1n : 1n);
  return { numerator: numerator / divisor, denominator: denominator / divisor };
}

export function add(one: Rational, other: Rational): Rational {
  return rational(
    one.numerator * other.denominator + other.numerator * one.denominator,
    one.denominator * other.denominator,
  );
}

export function subtract(one: Rational, other: Rational): Rational {
  return add(one, rational(-other.numerator, other.denominator));
}

export function multiply(one: Rational, other: Rational): Rational {
  return rational(one.numerator * other.numerator, one.denominator * other.denominator);
}

/** Compares two fractions for sorting: returns a number below, equal to or above 0. */
export function compare(one: Rational, other: Rational): number {
  const difference = subtract(one, other).numerator;
  return difference === 0n ? 0 : difference < 0n ? -1 : 1;
}

/** Rounds to the nearest whole number, halves away from zero. */
export function roundHalfUp({ numerator, denominator }: Rational): bigint {
  const magnitude = numerator < 0n ? -numerator : numerator;
  const rounded = (2n * magnitude + denominator) / (2n * denominator);
  return numerator < 0n ? -rounded : rounded;
}

/**
 * Parses a decimal string such as `12.5` or `1E-7` exactly.
 *
 * @throws RangeError if it is not a decimal number.
 */
export function parseDecimal(text: string): Rational {
  const [, sign = '', whole = '', fraction = '', exponentText = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,3}))?$/.exec(text) ?? [];
  if (whole === '') throw new RangeError(`not a decimal number: ${text}`);
  const digits = BigInt(`${sign}${whole}${fraction}`);
  const exponent = Number(exponentText) - fraction.length;
  const power = 10n ** BigInt(Math.abs(exponent));
  return exponent < 0 ? rational(digits, power) : rational(digits * power);
}

function gcd(one: bigint, other: bigint): bigint {
  let [larger, smaller] = [one < 0n ? -one : one, other < 0n ? -other : other];
  while (smaller !== 0n) [larger, smaller] = [smaller, larger % smaller];
  return larger;
}
