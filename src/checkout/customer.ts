import { createHash } from 'node:crypto';
import Stripe from 'stripe';
import type { Deps } from '../deps.ts';
import { choosePayingCustomer } from '../entitlements/core/paying-customer.ts';
import { loadUserCustomers } from '../entitlements/customers.ts';
import { lockUser, type UserName } from '../entitlements/users.ts';
import { sql, type Tx } from '../platform/database.ts';
import { lockJoinKeys } from '../platform/locks.ts';
import { askStripe, isReplayed, logStripeError } from './stripe-answer.ts';

export type CustomerDeps = Pick<Deps, 'clock' | 'database' | 'logger' | 'stripe'>;

/** Maximum number of attempts. Stripe may return customers that cannot be used. */
const maxAttempts = 5;

/**
 * Returns the customer that checkout uses for a user, and makes it the primary one; null if the user has
 * none. The caller holds the user's lock.
 */
export async function loadCustomer(tx: Tx, uid: bigint): Promise<string | null> {
  const customer = choosePayingCustomer(await loadUserCustomers(tx, sql`c.uid = ${uid}`));
  if (customer === null) return null;
  if (!customer.isPrimary) await makePrimary(tx, uid, customer.id);
  return customer.id;
}

/**
 * Creates a user's customer in Stripe and stores it as the primary one. Concurrent checkouts get the same
 * customer without holding a lock during the request, because the idempotency key and all parameters depend
 * only on the user. A separate request sets the e-mail address, which may differ between checkouts. The
 * checkout continues if that request fails.
 *
 * @param insteadOf a customer that no longer exists in Stripe.
 * @returns the id of the user's primary customer.
 * @throws ProblemError stripe_unavailable.
 */
export async function createCustomer(
  deps: CustomerDeps,
  user: UserName,
  email: string | undefined,
  insteadOf: string | null,
): Promise<string> {
  const identity = await deps.database.prisma.databaseIdentity.findFirstOrThrow();
  let former = insteadOf;
  for (let attempt = 1; attempt <= maxAttempts; attempt += 1) {
    const key = customerKey([identity.id, user.projectId, user.userId, former]);
    const customer = await requestCustomer(deps, user, key);
    const primary = await storeCustomer(deps, user, customer, former);
    if (primary !== null) {
      if (primary === customer.id && email !== undefined && customer.email === null) {
        await setEmail(deps, primary, email);
      }
      return primary;
    }
    // Stripe replayed a response from the last 24 hours. That customer has since been deleted or unlinked.
    former = customer.id;
  }
  throw new Error(
    `Stripe returned only deleted or foreign customers in ${maxAttempts} attempts for user ${user.userId}`,
  );
}

/**
 * Creates the customer. Stripe replays a failed response for 24 hours per idempotency key. A replayed failure
 * is retried with a second key, shared by all attempts in the same minute.
 */
async function requestCustomer(
  { clock, logger, stripe }: CustomerDeps,
  { projectId, userId }: UserName,
  key: string,
): Promise<Stripe.Customer> {
  const create = (idempotencyKey: string): Promise<Stripe.Customer> =>
    stripe.customers.create(
      { metadata: { project_id: projectId, user_id: userId } },
      // Stripe responds with 409 while the first request with this key is still running.
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

/** Returns an idempotency key that depends only on the given parts. */
function customerKey(parts: readonly (string | number | null)[]): string {
  const hash = createHash('sha256').update(JSON.stringify(parts)).digest('hex');
  return `latchkey-customer-${hash}`;
}

/**
 * Stores a customer and returns the user's primary customer. Returns null if the given customer was deleted,
 * or has been unlinked from the user in the meantime.
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
    // The new customer becomes the primary one unless the user already has one, for example because an operator
    // linked another customer.
    const isPrimary = !known.some((each) => each.isPrimary);
    const customers = known.map((each) =>
      each.id === id && isPrimary ? { ...each, isPrimary } : each,
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

async function setEmail(deps: CustomerDeps, id: string, email: string): Promise<void> {
  try {
    await deps.stripe.customers.update(id, { email });
  } catch (error) {
    if (!(error instanceof Stripe.errors.StripeError)) throw error;
    logStripeError(deps.logger, 'customers.update', error);
  }
}
