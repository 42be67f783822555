import { randomFillSync } from 'node:crypto';

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const pool = Buffer.alloc(8192);
let used = pool.length;

/**
 * Returns a random id in Stripe's format: a prefix such as `cus_`, then letters and digits. Random ids cannot
 * collide across restarts.
 */
export function newId(prefix: string, length = 24): string {
  if (used + length > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  let id = `${prefix}_`;
  for (const end = used + length; used < end; used += 1) {
    id += alphabet.charAt((pool[used] ?? 0) % alphabet.length);
  }
  return id;
}
