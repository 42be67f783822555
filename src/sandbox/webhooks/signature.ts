import { createHmac } from 'node:crypto';

/** Returns Stripe's header: the instant, and an HMAC-SHA256 over `<instant>.<body>`. */
export function signatureHeader(body: string, secret: string, seconds: number): string {
  const digest = createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex');
  return `t=${seconds},v1=${digest}`;
}
