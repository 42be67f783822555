import Stripe from 'stripe';

export interface StripeOptions {
  secretKey: string;
  /** Another server that speaks Stripe's API, such as the sandbox. */
  apiBase: string | undefined;
}

/** The SDK, with a bounded wait: 10 s per try, one retry. 429s are ours to back off from: the SDK does not. */
export function openStripe(options: StripeOptions): Stripe {
  const base = options.apiBase === undefined ? undefined : new URL(options.apiBase);
  return new Stripe(options.secretKey, {
    timeout: 10_000,
    maxNetworkRetries: 1,
    telemetry: false,
    ...(base === undefined
      ? {}
      : {
          host: base.hostname,
          port: base.port === '' ? (base.protocol === 'https:' ? 443 : 80) : Number(base.port),
          protocol: base.protocol === 'https:' ? 'https' : 'http',
        }),
  });
}
