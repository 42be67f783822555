import type { Database } from './database.ts';

/** A part of the rate budget: at most `perSecond` requests in any second. */
export interface Bucket {
  name: string;
  perSecond: number;
}

/**
 * The senders of requests to Stripe. A quarter of the budget is reserved for requests that a buyer waits for.
 * Reconciliation shares the rest with the background, and never exceeds ten a second.
 */
export type Share = 'buyers' | 'background' | 'reconciliation';

const reconciliationPerSecond = 10;

const backgroundPart = 0.75;

/** Stripe limits each endpoint to a quarter of the overall limit. */
const endpointPart = 0.25;

/** Maximum wait of a throttled request, milliseconds. */
export const maxWaitMs: Readonly<Record<Share, number>> = {
  buyers: 5_000,
  background: 20_000,
  reconciliation: 30_000,
};

/**
 * Capacity of a bucket as a part of its limit. A full bucket and its refill can both be spent within a second,
 * so the refill is lower by this part.
 */
const capacityPart = 0.1;

/** Returns the buckets that a request to an endpoint is charged to. Pure. */
export function bucketsOf(share: Share, endpoint: string, maxRps: number): Bucket[] {
  const whole = [
    { name: 'all', perSecond: maxRps },
    { name: endpoint, perSecond: maxRps * endpointPart },
  ];
  if (share === 'buyers') return whole;
  const background = [
    ...whole,
    ...whole.map(({ name, perSecond }) => ({
      name: `background ${name}`,
      perSecond: perSecond * backgroundPart,
    })),
  ];
  if (share === 'background') return background;
  return [...background, { name: share, perSecond: reconciliationPerSecond }];
}

/**
 * Charges a request to all of its buckets, which all instances share in Postgres, or to none.
 *
 * @param at epoch milliseconds; the database's clock by default, which the instances share, too.
 * @returns milliseconds until the next attempt can succeed; 0 = charged.
 */
export async function takeRequest(
  database: Pick<Database, 'pool'>,
  buckets: readonly Bucket[],
  at?: number,
): Promise<number> {
  const { rows } = await database.pool.query<{ wait: number }>({
    name: 'take-stripe-request',
    text: 'select take_stripe_request($1, $2, $3, coalesce($4, clock_timestamp())) as wait',
    values: [
      buckets.map(({ name }) => name),
      buckets.map(({ perSecond }) => perSecond * (1 - capacityPart)),
      buckets.map(({ perSecond }) => Math.max(1, perSecond * capacityPart)),
      at === undefined ? null : new Date(at),
    ],
  });
  const [row] = rows;
  if (row === undefined) throw new Error('take_stripe_request returned no row');
  return Math.ceil(row.wait * 1_000);
}

/** Namespaces of Stripe's API: their objects' ids are one path segment deeper. */
const namespaces: ReadonlySet<string> = new Set(['billing_portal', 'checkout', 'entitlements']);

/**
 * Returns the endpoint as Stripe's rate limits count it: one for all objects of a kind, such as `GET
 * /v1/subscriptions/:id`.
 */
export function endpointOf(method: string, path: string): string {
  const [, version = '', ...names] = (path.split('?')[0] ?? '').split('/');
  const at = namespaces.has(names[0] ?? '') ? 2 : 1;
  const shown = names.map((name, index) => (index === at ? ':id' : name));
  return `${method} /${[version, ...shown].join('/')}`;
}
