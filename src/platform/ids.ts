import { randomBytes } from 'node:crypto';

const alphabet = '0123456789abcdefghijkmnpqrstuvwxyz';

/** A new id such as `gr_6c1r…`: the prefix names the kind, 20 random characters (100 bits) follow. */
export function newId(prefix: string): string {
  return `${prefix}_${randomText(20)}`;
}

/** Random small letters and digits, 5.1 bits each, none of them easily misread. */
export function randomText(length: number): string {
  let text = '';
  while (text.length < length) {
    for (const byte of randomBytes(length)) {
      // 34 characters: bytes from 238 on would make some likelier than others.
      if (byte < 238 && text.length < length) text += alphabet.charAt(byte % alphabet.length);
    }
  }
  return text;
}
