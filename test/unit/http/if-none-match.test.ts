import { expect, it } from 'vitest';
import { hasAnswerAlready } from '../../../src/http/if-none-match.ts';

const etag = '"h-mhg2-0"';

it.each([
  ['the tag itself', '"h-mhg2-0"'],
  ['weak, as a proxy makes it that compresses', 'W/"h-mhg2-0"'],
  ['one of several', '"g-mhg1-0", W/"x,y" ,\tW/"h-mhg2-0","i-mhg3-0"'],
  ['whatever there is', '*'],
])('a client has the answer: %s', (_, header) => {
  expect(hasAnswerAlready(header, etag)).toBe(true);
});

it.each([
  ['no header', undefined],
  ['an empty one', ''],
  ['another tag', '"h-mhg2-1"'],
  ['the tag without its quotes', 'h-mhg2-0'],
  ['the tag within another', '"h-mhg2-0x", "xh-mhg2-0"'],
  ['a weakness in small letters, which is none', 'w/"h-mhg2-0"'],
])('a client has it not: %s', (_, header) => {
  expect(hasAnswerAlready(header, etag)).toBe(false);
});
