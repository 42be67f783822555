import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Stripe from 'stripe';
import { startSandbox, type Sandbox, type SandboxOptions } from '../../../src/sandbox/sandbox.ts';

export const startAt = Date.UTC(2026, 0, 15, 12);
export const dayMs = 86_400_000;

/** A sandbox whose time stands still unless moved, and the real SDK pointed at it. */
export interface Fixture {
  sandbox: Sandbox;
  stripe: Stripe;
  close(): Promise<void>;
}

export async function openFixture(options: SandboxOptions = {}): Promise<Fixture> {
  const sandbox = await startSandbox({ now: () => startAt, delivery: 'manual', ...options });
  return { sandbox, stripe: clientOf(sandbox), close: () => sandbox.close() };
}

export function clientOf(sandbox: Sandbox, key = 'sk_test_sandbox', timeout = 5_000): Stripe {
  const url = new URL(sandbox.url);
  return new Stripe(key, {
    host: url.hostname,
    port: Number(url.port),
    protocol: 'http',
    maxNetworkRetries: 0,
    telemetry: false,
    timeout,
  });
}

/** The credentials for the sandbox's commands. */
export const withKey = { authorization: 'Bearer sk_test_sandbox' };

export function seconds(ms: number): number {
  return Math.floor(ms / 1000);
}

/** The id of what may be expanded. */
export function idOf(reference: string | { id: string } | null | undefined): string {
  return typeof reference === 'string' ? reference : (reference?.id ?? '');
}

/** A product with a monthly price, and what each costs. */
export async function monthlyPrice(stripe: Stripe, amount = 1000): Promise<Stripe.Price> {
  const product = await stripe.products.create({ name: 'Pro' });
  return stripe.prices.create({
    product: product.id,
    currency: 'usd',
    unit_amount: amount,
    recurring: { interval: 'month' },
  });
}

export async function oneTimePrice(stripe: Stripe, amount = 2500): Promise<Stripe.Price> {
  const product = await stripe.products.create({ name: 'Lifetime' });
  return stripe.prices.create({ product: product.id, currency: 'usd', unit_amount: amount });
}

/** A customer with a paid monthly subscription. */
export async function subscribe(
  { stripe }: Pick<Fixture, 'stripe'>,
  params: Partial<Stripe.SubscriptionCreateParams> = {},
): Promise<Stripe.Subscription> {
  const customer = await stripe.customers.create({ email: 'ann@example.com' });
  const price = await monthlyPrice(stripe);
  return stripe.subscriptions.create({
    customer: customer.id,
    items: [{ price: price.id }],
    ...params,
  });
}

/** A one-off purchase that was paid, and its charge. */
export async function buyOnce({ sandbox, stripe }: Fixture): Promise<Stripe.Charge> {
  const price = await oneTimePrice(stripe);
  const session = await stripe.checkout.sessions.create({
    mode: 'payment',
    line_items: [{ price: price.id, quantity: 1 }],
    success_url: 'https://app.example/ok',
  });
  await sandbox.buyer.pay(session.id);
  const [charge] = (await stripe.charges.list()).data;
  if (charge === undefined) {
    throw new Error('The purchase made no charge.');
  }
  return charge;
}

/** The types of all events so far, oldest first. */
export async function eventTypes(stripe: Stripe): Promise<string[]> {
  const events = await stripe.events.list({ limit: 100 });
  return events.data.map(({ type }) => type).reverse();
}

/** Returns the error of a refused call. */
export async function refusal(call: Promise<unknown>): Promise<Stripe.errors.StripeError> {
  try {
    await call;
  } catch (error) {
    if (error instanceof Stripe.errors.StripeError) {
      return error;
    }
    throw error;
  }
  throw new Error('The call was not refused.');
}

interface Received {
  body: string;
  signature: string;
  event: { id: string; type: string; created: number };
}

/** A webhook endpoint that keeps what it gets. */
export interface Receiver {
  url: string;
  received: Received[];
  /** The statuses for the next deliveries; then 200. */
  answers: number[];
  close(): Promise<void>;
}

export async function openReceiver(): Promise<Receiver> {
  const received: Received[] = [];
  const answers: number[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      received.push({
        body,
        signature: String(request.headers['stripe-signature']),
        event: JSON.parse(body) as Received['event'],
      });
      response.writeHead(answers.shift() ?? 200).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/webhooks`,
    received,
    answers,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}
