import type { Database } from './database.ts';

/** A token bucket: at most `perSecond` requests in any second. */
export interface Bucket {
  name: string;
  perSecond: number;
}

/**
 * The senders of Stripe requests. A quarter of the budget is reserved for requests that a buyer waits for.
 * Reconciliation and the background share the rest, and reconciliation never exceeds ten requests per second.
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
 * Capacity of a bucket as a fraction of its limit. A full bucket and its refill can both be spent within the
 * same second, so the refill rate is lower by this fraction.
 */
const capacityPart = 0.1;

/** Returns the buckets to charge for a request to an endpoint. Pure. */
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
 * Charges a request either to all of its buckets or to none. All instances share the buckets through
 * Postgres.
 *
 * @param at epoch milliseconds. By default the time on the database's clock, which the instances also share.
 * @returns the number of milliseconds until the next attempt can succeed; 0 if the request was charged.
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

/** Namespaces in Stripe's API. The ids of their objects are one path segment deeper. */
const namespaces: ReadonlySet<string> = new Set([
  'billing',
  'billing_portal',
  'checkout',
  'entitlements',
]);

/**
 * Returns the endpoint in the sense of Stripe's rate limits: one for all objects of a kind, such as `GET
 * /v1/subscriptions/:id`.
 */
export function endpointOf(method: string, path: string): string {
  const [, version = '', ...names] = (path.split('?')[0] ?? '').split('/');
  const at = namespaces.has(names[0] ?? '') ? 2 : 1;
  const shown = names.map((name, index) => (index === at ? ':id' : name));
  return `${method} /${[version, ...shown].join('/')}`;
}
