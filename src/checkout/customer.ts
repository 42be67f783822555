import { createHash } from 'node:crypto';
import Stripe from 'stripe';
import type { Deps } from '../deps.ts';
import { lockUser, type UserName } from '../entitlements/users.ts';
import { type Sql, sql, type Tx } from '../platform/database.ts';
import { lockJoinKeys } from '../platform/locks.ts';
import { choosePayingCustomer, type UserCustomer } from './core/paying-customer.ts';
import { askStripe, isReplayed, logStripeError } from './stripe-answer.ts';

export type CustomerDeps = Pick<Deps, 'clock' | 'database' | 'logger' | 'stripe'>;

/** Maximum number of attempts, since Stripe may return unusable customers. */
const attempts = 5;

/**
 * Returns the customer that checkout uses for a user, if there is one, and makes it the primary. The caller
 * holds the user's lock.
 */
export async function loadCustomer(tx: Tx, uid: bigint): Promise<string | null> {
  const customer = choosePayingCustomer(await loadUserCustomers(tx, sql`c.uid = ${uid}`));
  if (customer === null) return null;
  if (!customer.isPrimary) await makePrimary(tx, uid, customer.id);
  return customer.id;
}

/** Loads customers that are not deleted, each with what its user bought through it. */
export function loadUserCustomers(tx: Tx, condition: Sql): Promise<UserCustomer[]> {
  return tx.$queryRaw<UserCustomer[]>`
    select c.id, c.is_primary as "isPrimary", c.created_at as "createdAt",
      array(
        select s.status from subscriptions s where s.customer_id = c.id and s.uid = c.uid
      ) as "subscriptionStatuses",
      (
        select count(*)::int from purchases p join checkout_sessions s on s.id = p.session_id
        where s.customer_id = c.id and p.uid = c.uid
      ) as purchases
    from customers c join users u using (uid) where not c.deleted and ${condition}`;
}

/**
 * Creates a user's customer at Stripe and stores it as the primary. Concurrent checkouts get the same one
 * without a lock during the request: the idempotency key and all parameters depend only on the user. The
 * e-mail address does not, so a separate request sets it, and the checkout succeeds without it.
 *
 * @param insteadOf a customer that Stripe no longer knows
 * @returns the id of the user's primary customer
 * @throws ProblemError stripe_unavailable
 */
export async function createCustomer(
  deps: CustomerDeps,
  user: UserName,
  email: string | undefined,
  insteadOf: string | null,
): Promise<string> {
  const identity = await deps.database.prisma.databaseIdentity.findFirstOrThrow();
  let former = insteadOf;
  for (let attempt = 1; attempt <= attempts; attempt += 1) {
    const key = customerKey([identity.id, user.projectId, user.userId, former]);
    const customer = await requestCustomer(deps, user, key);
    const kept = await storeCustomer(deps, user, customer, former);
    if (kept !== null) {
      if (kept === customer.id && email !== undefined && customer.email === null) {
        await giveEmail(deps, kept, email);
      }
      return kept;
    }
    // Stripe replayed a response of the last day, and that customer was since deleted or moved to another
    // user.
    former = customer.id;
  }
  throw new Error(
    `Stripe returned only deleted or foreign customers in ${attempts} attempts for user ${user.userId}`,
  );
}

/**
 * Creates the customer. Stripe replays a failure under its key for a day, so a replayed failure is retried
 * under a key that checkouts of the same minute share.
 */
async function requestCustomer(
  { clock, logger, stripe }: CustomerDeps,
  { projectId, userId }: UserName,
  key: string,
): Promise<Stripe.Customer> {
  const create = (idempotencyKey: string): Promise<Stripe.Customer> =>
    stripe.customers.create(
      { metadata: { project_id: projectId, user_id: userId } },
      // Stripe answers 409 while the first request with this key is still running.
      { idempotencyKey, maxNetworkRetries: 3 },
    );
  return askStripe(logger, 'customers.create', async () => {
    try {
      return await create(key);
    } catch (error) {
      if (!isReplayed(error)) throw error;
      return create(customerKey([key, Math.floor(clock() / 60_000)]));
    }
  });
}

/** Returns the idempotency key of a customer. The database's id separates the users of a fresh database. */
function customerKey(named: readonly (string | number | null)[]): string {
  const hash = createHash('sha256').update(JSON.stringify(named)).digest('hex');
  return `latchkey-customer-${hash}`;
}

/**
 * Stores a customer, and returns the user's primary customer. Returns null if the given one was deleted or
 * is not the user's: its metadata name the user, so it was unlinked or has moved since.
 */
async function storeCustomer(
  deps: CustomerDeps,
  name: UserName,
  { id, created }: Stripe.Customer,
  former: string | null,
): Promise<string | null> {
  return deps.database.transaction(async (tx) => {
    await lockJoinKeys(tx, [id]);
    const { uid } = await lockUser(tx, name, deps.clock());
    const stored = await tx.customer.findUnique({ where: { id } });
    if (stored !== null && (stored.deleted || stored.uid !== uid)) return null;
    const ours = { uid, linkedBy: 'checkout' };
    await tx.customer.upsert({
      where: { id },
      create: { id, ...ours, createdAt: new Date(created * 1_000) },
      update: ours,
    });
    const known = await loadUserCustomers(
      tx,
      sql`c.uid = ${uid} and c.id is distinct from ${former}`,
    );
    // The new customer becomes the primary unless there is one; an operator may have linked one that pays.
    const isPrimary = !known.some((one) => one.isPrimary);
    const customers = known.map((one) =>
      one.id === id && isPrimary ? { ...one, isPrimary } : one,
    );
    const { id: chosen } = choosePayingCustomer(customers) ?? { id };
    await makePrimary(tx, uid, chosen);
    return chosen;
  });
}

async function makePrimary(tx: Tx, uid: bigint, id: string): Promise<void> {
  await tx.customer.updateMany({
    where: { uid, isPrimary: true, id: { not: id } },
    data: { isPrimary: false },
  });
  await tx.customer.update({ where: { id }, data: { isPrimary: true } });
}

async function giveEmail(deps: CustomerDeps, id: string, email: string): Promise<void> {
  try {
    await deps.stripe.customers.update(id, { email });
  } catch (error) {
    if (!(error instanceof Stripe.errors.StripeError)) throw error;
    logStripeError(deps.logger, 'customers.update', error);
  }
}
