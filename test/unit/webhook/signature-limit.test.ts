import { describe, expect, it } from 'vitest';
import { createSignatureLimit, type SignatureLimit } from '../../../src/webhook/signature-limit.ts';

const now = Date.parse('2026-11-01T12:00:00.000Z');
const short = 10_000;

/** Wrong signatures until none is free. */
function exhausted(client = 'proxy'): SignatureLimit {
  const limit = createSignatureLimit();
  for (let count = 0; count < 100; count += 1) limit.noteWrong(client, now);
  return limit;
}

/** How many of so many requests are verified. */
function verified(limit: SignatureLimit, requests: number, bytes: number | undefined): number {
  const waits = Array.from({ length: requests }, () => limit.waitMs('proxy', bytes, now));
  return waits.filter((wait) => wait === 0).length;
}

describe('a client that signs wrong', () => {
  it('has a hundred failures, and one more each second', () => {
    const limit = exhausted();
    expect(limit.waitMs('proxy', 300_000, now)).toBe(1_000);
    expect(limit.waitMs('proxy', 300_000, now + 1_000)).toBe(0);
    limit.noteWrong('proxy', now + 1_000);
    expect(limit.waitMs('proxy', 300_000, now + 1_000)).toBe(1_000);
  });

  it('slows no other', () => {
    expect(exhausted('another').waitMs('proxy', 300_000, now)).toBe(0);
  });
});

describe('a client that shares its address with Stripe', () => {
  it('is charged for failures alone', () => {
    const limit = createSignatureLimit();
    for (let count = 0; count < 1_000; count += 1) limit.noteCorrect('proxy', now);
    expect(verified(limit, 1_000, undefined)).toBe(1_000);
  });

  it('gets one short request in eight verified, until one is signed correctly, and then all', () => {
    const limit = exhausted();
    expect(verified(limit, 800, short)).toBe(100);
    limit.noteCorrect('proxy', now);
    expect(verified(limit, 800, short)).toBe(800);
  });

  it('gets no long body read, nor one that does not say how long it is', () => {
    const limit = exhausted();
    limit.noteCorrect('proxy', now);
    expect(verified(limit, 80, 300_000)).toBe(0);
    expect(verified(limit, 80, undefined)).toBe(0);
  });

  it('is vouched for until a day has passed', () => {
    const limit = exhausted();
    limit.noteCorrect('proxy', now);
    const later = now + 24 * 3_600_000;
    for (let count = 0; count < 100; count += 1) limit.noteWrong('proxy', later);
    const waits = Array.from({ length: 8 }, () => limit.waitMs('proxy', short, later));
    expect(waits.filter((wait) => wait > 0)).toHaveLength(7);
  });
});
