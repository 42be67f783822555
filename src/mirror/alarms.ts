import { isTerminal } from '../entitlements/core/stripe-statuses.ts';
import type { Clock } from '../platform/clock.ts';
import type { Database, Tx } from '../platform/database.ts';
import type { Logger } from '../platform/logger.ts';
import type { Metrics } from '../platform/metrics.ts';
import type { SyncedRef } from '../webhook/core/synced-object.ts';
import type { StripeSnapshot } from './core/stripe-snapshot.ts';
import type { Owned } from './owner.ts';

/* Raises alarms for an operator. An alarm never takes access away (README.md, promise 6). */

interface AlarmDeps {
  clock: Clock;
  database: Database;
  metrics: Metrics;
  logger: Logger;
}

/** A price that was bought but grants nothing because its product is mapped to no project. */
interface UnmappedPrice {
  priceId: string;
  productId: string;
  /** Whether the buyer is a known user, and so paid without getting access. */
  knownUser: boolean;
}

/** Loads the prices sold in the snapshot with products that are not yet mapped to a project. */
export async function loadUnmappedPrices(
  tx: Tx,
  snapshot: StripeSnapshot,
  owned: readonly Owned[],
): Promise<UnmappedPrice[]> {
  const owners = new Set(
    owned.filter(({ owner }) => owner !== null).map(({ subject }) => subject.id),
  );
  const sold = [
    ...snapshot.subscription
      .filter(({ status }) => !isTerminal(status))
      .flatMap(({ id, items }) => items.map((item) => ({ ...item, knownUser: owners.has(id) }))),
    ...snapshot['checkout.session'].flatMap(({ id, purchases }) =>
      purchases.map((purchase) => ({ ...purchase, knownUser: owners.has(id) })),
    ),
  ].map(({ priceId, productId, knownUser }) => ({ priceId, productId, knownUser }));
  if (sold.length === 0) return [];
  const mapped = await tx.product.findMany({
    where: { id: { in: sold.map(({ productId }) => productId) }, projectId: { not: null } },
    select: { id: true },
  });
  return sold.filter(({ productId }) => !mapped.some(({ id }) => id === productId));
}

/** The anomalies of an applied snapshot. */
export interface Observed {
  /** Subscriptions, refunds and disputes with an unknown status. */
  unknown: string[];
  unmapped: UnmappedPrice[];
  /** Sessions that name one of our intents, but that the intent does not claim. */
  foreign: string[];
  /** Objects that Stripe does not know and that no event reported as deleted. */
  missing: SyncedRef[];
}

/** Logs the anomalies of an applied snapshot and increments their counters. */
export async function raiseAlarms(
  deps: AlarmDeps,
  snapshot: StripeSnapshot,
  { unknown, unmapped, foreign, missing }: Observed,
): Promise<void> {
  const { clock, database, metrics, logger } = deps;
  for (const { objectType, objectId } of missing) {
    metrics.alarms.inc({ kind: 'object_missing' });
    logger.warn(
      { objectType, objectId },
      'an event named an object that Stripe does not know; access is unchanged',
    );
  }
  for (const id of unknown) {
    metrics.alarms.inc({ kind: 'unknown_status' });
    logger.warn({ id }, 'an object has an unknown status; its last known status applies');
  }
  for (const session of foreign) {
    metrics.alarms.inc({ kind: 'intent_of_another_session' });
    logger.warn(
      { session },
      'a session refers to a checkout intent that does not claim it; the metadata and customer of the session decide the owner',
    );
  }
  for (const { priceId, productId, knownUser } of unmapped) {
    metrics.unmappedPrices.inc({ known_user: String(knownUser) });
    logger[knownUser ? 'warn' : 'info'](
      { price: priceId, product: productId },
      'a price was sold, but its product is mapped to no project; map the product to grant access',
    );
  }
  for (const { id, status, dunningAnchorAt } of snapshot.subscription) {
    if (status !== 'past_due' || dunningAnchorAt !== null) continue;
    metrics.alarms.inc({ kind: 'past_due_without_debt' });
    logger.warn(
      { subscription: id },
      'a subscription is past due without an unpaid invoice; access continues',
    );
  }
  for (const { id, lookupKeys } of snapshot.entitlement_summary) {
    for (const featureCode of await loadDenied(database, clock(), id, lookupKeys)) {
      metrics.alarms.inc({ kind: 'stripe_entitlement_differs' });
      logger.warn(
        { customer: id, featureCode },
        "Stripe's own entitlements include a feature that the user does not have",
      );
    }
  }
}

/** Loads the codes of project features that the customer's user does not have now. */
async function loadDenied(
  { prisma }: Database,
  now: number,
  customerId: string,
  codes: readonly string[],
): Promise<string[]> {
  if (codes.length === 0) return [];
  const at = new Date(now);
  const rows = await prisma.$queryRaw<{ code: string }[]>`
    select f.code from customers c
    join users u using (uid)
    join features f on f.project_id = u.project_id and f.code = any(${codes}) and f.archived_at is null
    where c.id = ${customerId} and not exists (
      select from entitlement_segments s
      where s.uid = u.uid and s.feature_code = f.code and s.superseded_at is null and s.allowed
        and s.valid_from <= ${at} and (s.valid_to is null or s.valid_to > ${at}))
    order by 1`;
  return rows.map(({ code }) => code);
}
