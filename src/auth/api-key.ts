import { hash, timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { randomText } from '../platform/ids.ts';

/** Returns the hash of a key. Only the hash is stored. */
export function hashKey(key: string): Buffer {
  return hash('sha256', key, 'buffer');
}

/**
 * Returns a new key: `lk_`, 8 characters that identify the key in lists, 40 secret characters (203 bits), and
 * a checksum of 7 characters. With the checksum, most forged keys are rejected without a query.
 */
export function newKey(): { key: string; prefix: string; hash: Buffer } {
  const prefix = `lk_${randomText(8)}`;
  const body = `${prefix}_${randomText(40)}`;
  const key = body + checksumOf(body);
  return { key, prefix, hash: hashKey(key) };
}

const keyPattern = /^(lk_[0-9a-z]{8}_[0-9a-z]{40})([0-9a-z]{7})?$/;

/** Returns whether a string has the form of a key. Keys of earlier releases have no checksum. */
export function isWellFormedKey(text: string): boolean {
  const [, body, checksum] = keyPattern.exec(text) ?? [];
  return body !== undefined && (checksum === undefined || checksum === checksumOf(body));
}

/** Returns the CRC-32 in base 36. */
function checksumOf(body: string): string {
  return crc32(body).toString(36).padStart(7, '0');
}

/** Compares hashes in constant time, so that the duration reveals nothing about the key. */
export function sameHash(a: Buffer, b: Buffer): boolean {
  return timingSafeEqual(a, b);
}
