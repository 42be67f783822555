import { randomBytes } from 'node:crypto';

const alphabet = '0123456789abcdefghijkmnpqrstuvwxyz';

/**
 * Returns a new id such as `gr_6c1r…`: a prefix that names the kind, followed by 20 random characters (100
 * bits).
 */
export function newId(prefix: string): string {
  return `${prefix}_${randomText(20)}`;
}

/** Returns random lowercase letters and digits, 5.1 bits each, excluding those that are easily misread. */
export function randomText(length: number): string {
  let text = '';
  while (text.length < length) {
    const byte = randomByte();
    // 238 = 7 × 34 characters. Using larger bytes would make some characters more likely.
    if (byte < 238) text += alphabet.charAt(byte % alphabet.length);
  }
  return text;
}

/** Random bytes that were drawn and not used yet: one call for many costs little more than one for few. */
let drawn = Buffer.alloc(0);
let used = 0;

function randomByte(): number {
  if (used === drawn.length) {
    drawn = randomBytes(4_096);
    used = 0;
  }
  used += 1;
  return drawn.readUInt8(used - 1);
}
