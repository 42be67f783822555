import { createHmac } from 'node:crypto';

/** Returns a `Stripe-Signature` header: the timestamp, and an HMAC-SHA256 of `<timestamp>.<body>`. */
export function signatureHeader(body: string, secret: string, seconds: number): string {
  const digest = createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex');
  return `t=${seconds},v1=${digest}`;
}
