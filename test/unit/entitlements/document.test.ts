import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type DocumentContent, documentClaims } from '../../../src/entitlements/core/document.ts';

const now = Date.parse('2026-11-01T00:00:00.000Z');
const seconds = now / 1_000;

const content: DocumentContent = {
  issuer: 'https://latchkey.example',
  projectId: 'notes',
  userId: 'u_42',
  id: 'an-id',
  revision: 17,
  values: new Map([['export', 'true']]),
  nextChangeAt: null,
};

const claimsSchema = z.object({ iat: z.number(), exp: z.number(), latchkey: z.unknown() });

function claimsOf(more: Partial<DocumentContent>, ttl = 300, at = now) {
  const { text, expiresAt } = documentClaims({ ...content, ...more }, ttl, at);
  return { ...claimsSchema.parse(JSON.parse(text)), expiresAt };
}

describe('a document', () => {
  it('has the claims of the contract', () => {
    const nextChangeAt = now + 60_000;
    const { text } = documentClaims({ ...content, nextChangeAt }, 300, now);
    expect(JSON.parse(text)).toEqual({
      iss: 'https://latchkey.example',
      aud: 'notes',
      sub: 'u_42',
      iat: seconds,
      exp: seconds + 60,
      jti: 'an-id',
      latchkey: {
        revision: 17,
        entitlements: { export: true },
        next_change_at: '2026-11-01T00:01:00.000Z',
      },
    });
  });

  it('ends after its time to live, or when the answer changes, whichever is earlier', () => {
    expect(claimsOf({}).exp).toBe(seconds + 300);
    expect(claimsOf({ nextChangeAt: now + 301_000 }).exp).toBe(seconds + 300);
    expect(claimsOf({ nextChangeAt: now + 299_000 }).exp).toBe(seconds + 299);
    expect(claimsOf({}, 300, now + 999)).toMatchObject({ iat: seconds, exp: seconds + 300 });
  });

  it('ends no later than the answer changes, and is never born expired', () => {
    fc.assert(
      fc.property(fc.nat(5_000), fc.integer({ min: 1, max: 5_000 }), (offset, ahead) => {
        const at = now + offset;
        const nextChangeAt = at + ahead;
        const { iat, exp, expiresAt } = claimsOf({ nextChangeAt }, 300, at);
        expect(exp * 1_000).toBeLessThanOrEqual(nextChangeAt);
        expect(exp).toBeGreaterThan(iat);
        expect(nextChangeAt - exp * 1_000).toBeLessThan(1_000);
        expect(expiresAt / 1_000).toBeCloseTo(exp, 3);
      }),
    );
  });

  it('has expired if the answer changed while it was made', () => {
    expect(claimsOf({ nextChangeAt: now - 1 }).expiresAt).toBeLessThan(now);
  });

  it('carries any user id and any values as they are', () => {
    const userId = 'ünïcode "user"/\\\u2028';
    const value = { list: [1, 'a\n"b"'], deep: { dark: true } };
    const values = new Map([
      ['constructor', JSON.stringify(value)],
      ['seats', '"unlimited"'],
    ]);
    const { text } = documentClaims({ ...content, userId, values }, 300, now);
    expect(JSON.parse(text)).toMatchObject({
      sub: userId,
      latchkey: { entitlements: { constructor: value, seats: 'unlimited' } },
    });
  });
});
