import type { Clock } from '../platform/clock.ts';
import type { Database, Tx } from '../platform/database.ts';
import type { Logger } from '../platform/logger.ts';
import type { Metrics } from '../platform/metrics.ts';
import type { SyncedRef } from '../webhook/sync-queue.ts';
import { isTerminal } from './from-stripe.ts';
import type { Owned } from './owner.ts';
import type { StripeSnapshot } from './stripe-snapshot.ts';

/*
 * What a person should look at. None of it takes anything away from anybody (promise 6).
 */

interface AlarmDeps {
  clock: Clock;
  database: Database;
  metrics: Metrics;
  logger: Logger;
}

/** A price that somebody bought, and that gives nothing since no project has its product. */
export interface UnmappedPrice {
  priceId: string;
  productId: string;
  /** Whether we know who bought it: somebody pays, and gets nothing. */
  knownUser: boolean;
}

/** The prices of the snapshot that no project knows. They apply as soon as somebody maps the product. */
export async function loadUnmappedPrices(
  tx: Tx,
  snapshot: StripeSnapshot,
  owned: readonly Owned[],
): Promise<UnmappedPrice[]> {
  const owners = new Set(
    owned.filter(({ owner }) => owner !== null).map(({ subject }) => subject.id),
  );
  const sold = [
    ...snapshot.subscriptions
      .filter(({ status }) => !isTerminal(status))
      .flatMap(({ id, items }) => items.map((item) => ({ ...item, knownUser: owners.has(id) }))),
    ...snapshot.sessions.flatMap(({ id, purchases }) =>
      purchases.map((purchase) => ({ ...purchase, knownUser: owners.has(id) })),
    ),
  ].map(({ priceId, productId, knownUser }) => ({ priceId, productId, knownUser }));
  if (sold.length === 0) return [];
  const mapped = await tx.product.findMany({
    where: { id: { in: sold.map(({ productId }) => productId) }, projectId: { not: null } },
    select: { id: true },
  });
  const known = new Set(mapped.map(({ id }) => id));
  return sold.filter(({ productId }) => !known.has(productId));
}

/** What applying a snapshot brought to light. */
export interface Observed {
  /** Subscriptions, refunds and disputes whose status we do not know. */
  unknown: string[];
  unmapped: UnmappedPrice[];
  /** Sessions that name an intent of ours which does not claim them. */
  foreign: string[];
  /** What Stripe does not know, and never said to be deleted. */
  missing: SyncedRef[];
}

/** Counts and logs what is odd about an applied snapshot. */
export async function raiseAlarms(
  deps: AlarmDeps,
  snapshot: StripeSnapshot,
  { unknown, unmapped, foreign, missing }: Observed,
): Promise<void> {
  const { metrics, logger } = deps;
  for (const { objectType, objectId } of missing) {
    metrics.alarms.inc({ kind: 'object_missing' });
    logger.warn(
      { objectType, objectId },
      'Stripe does not know an object that it told of; nothing was taken away for it',
    );
  }
  for (const id of unknown) {
    metrics.alarms.inc({ kind: 'unknown_status' });
    logger.warn({ id }, 'an object has a status that is not known; the last known one counts');
  }
  for (const session of foreign) {
    metrics.alarms.inc({ kind: 'intent_of_another_session' });
    logger.warn(
      { session },
      'a session names an intent that is not its own; its metadata and customer say whose it is',
    );
  }
  for (const { priceId, productId, knownUser } of unmapped) {
    metrics.unmappedPrices.inc({ known_user: String(knownUser) });
    logger[knownUser ? 'warn' : 'info'](
      { price: priceId, product: productId },
      'a price was bought that no project has; map its product, and it applies at once',
    );
  }
  for (const { id, status, dunningAnchorAt } of snapshot.subscriptions) {
    if (status !== 'past_due' || dunningAnchorAt !== null) continue;
    metrics.alarms.inc({ kind: 'past_due_without_debt' });
    logger.warn({ subscription: id }, 'past due, but no unpaid invoice: access stays');
  }
  for (const { id, lookupKeys } of snapshot.summaries) {
    for (const featureCode of await loadDenied(deps, id, lookupKeys)) {
      metrics.alarms.inc({ kind: 'stripe_entitlement_differs' });
      logger.warn({ customer: id, featureCode }, 'Stripe says entitled, and we do not');
    }
  }
}

/** Features among `codes` that a customer's user does not have now, though the project knows them. */
async function loadDenied(
  { clock, database }: AlarmDeps,
  customerId: string,
  codes: readonly string[],
): Promise<string[]> {
  if (codes.length === 0) return [];
  const rows = await database.prisma.$queryRaw<{ code: string }[]>`
    select f.code from customers c
    join users u using (uid)
    join features f on f.project_id = u.project_id and f.code = any(${codes}) and f.archived_at is null
    where c.id = ${customerId} and not exists (
      select from entitlement_segments s
      where s.uid = u.uid and s.feature_code = f.code and s.superseded_at is null and s.allowed
        and s.valid_from <= ${new Date(clock())}
        and (s.valid_to is null or s.valid_to > ${new Date(clock())}))
    order by 1`;
  return rows.map(({ code }) => code);
}
