import { describe, expect, it } from 'vitest';
import { isWellFormedKey, newKey } from '../../../src/auth/api-key.ts';

describe('the form of a key', () => {
  it('is right in every new key, with any of its characters changed wrong', () => {
    for (let made = 0; made < 100; made += 1) {
      const { key } = newKey();
      expect(isWellFormedKey(key)).toBe(true);
      for (let at = 0; at < key.length; at += 1) {
        const other = key[at] === 'x' ? 'y' : 'x';
        expect(isWellFormedKey(key.slice(0, at) + other + key.slice(at + 1))).toBe(false);
      }
    }
  });

  it.each([
    ['a key of an earlier release, without a checksum', `lk_0123abcd_${'q'.repeat(40)}`, true],
    ['a checksum that is cut off', newKey().key.slice(0, -1), false],
    ['more behind the checksum', `${newKey().key}0`, false],
    ['capital letters', newKey().key.toUpperCase(), false],
    ['something else', 'lk_guessed', false],
  ])('%s', (_name, key, isRight) => {
    expect(isWellFormedKey(key)).toBe(isRight);
  });
});
