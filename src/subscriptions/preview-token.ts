import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';

/** What a preview promises. A change with the preview's token makes exactly this. */
const claimsSchema = z.object({
  /** A hash of the request that was previewed. */
  request: z.string(),
  /** The state of the subscription that was previewed (`stateOf`). */
  state: z.string(),
  /** The instant that divides the billing periods, epoch seconds. */
  prorationDate: z.int(),
  /** The id of the promotion code; null without one. */
  promotionCode: z.string().nullable(),
  /** Epoch milliseconds. */
  expiresAt: z.int(),
});

export type PreviewClaims = z.output<typeof claimsSchema>;

export interface PreviewTokens {
  seal(claims: PreviewClaims): string;
  /** Returns the claims of a token, expired or not; null unless `seal` created it. */
  open(token: string): PreviewClaims | null;
}

/**
 * Creates tokens with an HMAC (RFC 2104). All instances that share the secret accept each other's tokens.
 *
 * @param secret a secret of the service, from which the key is derived.
 */
export function createPreviewTokens(secret: string): PreviewTokens {
  const key = Buffer.from(hkdfSync('sha256', secret, '', 'latchkey preview token', 32));
  const signatureOf = (payload: string): Buffer =>
    createHmac('sha256', key).update(payload).digest();
  return {
    seal(claims) {
      const payload = Buffer.from(JSON.stringify(claims)).toString('base64url');
      return `pv_${payload}.${signatureOf(payload).toString('base64url')}`;
    },
    open(token) {
      const [, payload = '', signature = ''] = /^pv_([\w-]+)\.([\w-]+)$/.exec(token) ?? [];
      const given = Buffer.from(signature, 'base64url');
      const wanted = signatureOf(payload);
      if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) return null;
      return claimsSchema.parse(JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')));
    },
  };
}
