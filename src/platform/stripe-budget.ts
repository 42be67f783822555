import type { Database } from './database.ts';

/** Part of a budget: nothing takes more than `perSecond` requests from it in any second. */
export interface Bucket {
  name: string;
  perSecond: number;
}

/**
 * Who asks Stripe. A quarter of everything is kept for what a buyer waits for; reconciliation takes its
 * requests out of what is left to the background, and never more than ten a second.
 */
export type Share = 'buyers' | 'background' | 'reconciliation';

const reconciliationPerSecond = 10;

const backgroundPart = 0.75;

/** Stripe limits each endpoint to a quarter of what it allows over all. */
const endpointPart = 0.25;

/** How long a request waits for its turn before it fails, milliseconds. */
export const maxWaitMs: Readonly<Record<Share, number>> = {
  buyers: 5_000,
  background: 20_000,
  reconciliation: 30_000,
};

/** A second's worth is the capacity and what flows in meanwhile; so the one is taken off the other. */
const capacityPart = 0.1;

/** Which buckets a request to an endpoint is taken from; pure. */
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
 * Takes a request from all the buckets, which all instances share (they lie in Postgres), or from none.
 *
 * @param at epoch milliseconds; the database's clock by default, since the instances share that too.
 * @returns milliseconds after which it is worth asking again; 0 = taken.
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
  if (row === undefined) throw new Error('the budget gave no answer');
  return Math.ceil(row.wait * 1_000);
}

/** Resources that lie one name deeper. */
const namespaces: ReadonlySet<string> = new Set(['billing_portal', 'checkout', 'entitlements']);

/** The endpoint as Stripe counts it: all objects of a kind are one, such as `GET /v1/subscriptions/:id`. */
export function endpointOf(method: string, path: string): string {
  const [, version = '', ...names] = (path.split('?')[0] ?? '').split('/');
  const at = namespaces.has(names[0] ?? '') ? 2 : 1;
  const shown = names.map((name, index) => (index === at ? ':id' : name));
  return `${method} /${[version, ...shown].join('/')}`;
}
