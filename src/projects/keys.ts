import { hash, timingSafeEqual } from 'node:crypto';
import { randomText } from '../platform/ids.ts';

/** What is stored of a key. */
export function hashKey(key: string): Buffer {
  return hash('sha256', key, 'buffer');
}

/** A new key: `lk_`, 8 characters that name it in lists, and 40 (203 bits) that are secret. */
export function newKey(): { key: string; prefix: string; hash: Buffer } {
  const prefix = `lk_${randomText(8)}`;
  const key = `${prefix}_${randomText(40)}`;
  return { key, prefix, hash: hashKey(key) };
}

/** Compares hashes, so that the time it takes tells nothing of the key. */
export function sameHash(a: Buffer, b: Buffer): boolean {
  return timingSafeEqual(a, b);
}
