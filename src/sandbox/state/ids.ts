import { randomBytes } from 'node:crypto';

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** An id such as Stripe's: `cus_`, then letters and digits. Random, so that restarts cannot collide. */
export function newId(prefix: string, length = 24): string {
  const letters = Array.from(randomBytes(length), (byte) =>
    alphabet.charAt(byte % alphabet.length),
  );
  return `${prefix}_${letters.join('')}`;
}
