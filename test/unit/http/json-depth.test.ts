import { expect, it } from 'vitest';
import { isTooDeep, maxJsonDepth } from '../../../src/http/json-depth.ts';

const nested = (levels: number, open = '[', close = ']') =>
  open.repeat(levels) + close.repeat(levels);

it('allows exactly the limit, of lists and objects alike', () => {
  expect(isTooDeep(nested(maxJsonDepth))).toBe(false);
  expect(isTooDeep(nested(maxJsonDepth + 1))).toBe(true);
  expect(isTooDeep(`${'{"a":'.repeat(maxJsonDepth)}1${'}'.repeat(maxJsonDepth)}`)).toBe(false);
  expect(isTooDeep(`${'{"a":'.repeat(maxJsonDepth + 1)}1${'}'.repeat(maxJsonDepth + 1)}`)).toBe(
    true,
  );
});

it('counts levels, not brackets', () => {
  expect(isTooDeep(`[${Array.from({ length: 1_000 }, () => '[]').join(',')}]`)).toBe(false);
});

it('does not count brackets in strings, escaped or not', () => {
  const brackets = '['.repeat(1_000);
  for (const value of [brackets, `"${brackets}`, `\\"${brackets}`, `\\${brackets}\\`]) {
    expect(isTooDeep(JSON.stringify({ value })), value.slice(0, 4)).toBe(false);
  }
  expect(isTooDeep(`"\\\\"${brackets}`)).toBe(true);
});

it('refuses what never closes, and bears what never opens', () => {
  expect(isTooDeep('['.repeat(maxJsonDepth + 1))).toBe(true);
  expect(isTooDeep(']'.repeat(1_000))).toBe(false);
});
