import { presentOf } from '../entitlements/core/present.ts';
import { lockUser, type UserName } from '../entitlements/users.ts';
import type { Clock } from '../platform/clock.ts';
import type { Database, Tx } from '../platform/database.ts';
import { newId } from '../platform/ids.ts';
import { loadCustomer } from './customer.ts';
import { refuseIneligible } from './eligibility.ts';
import { loadExclusiveProducts } from './exclusive-products.ts';
import type { Line } from './lines.ts';

/**
 * How an intent ends. `failed`: opening the session failed; `replaced`: by a newer checkout; `completed`: the
 * buyer completed the session; `expired`: the session can no longer be paid.
 */
export type IntentEnd = 'failed' | 'replaced' | 'completed' | 'expired';

export interface OpenedIntent {
  id: string;
  uid: bigint;
  /** The user's primary customer, if there is one. */
  customerId: string | null;
  /** Older sessions that could still be paid and would sell the same thing a second time. */
  olderSessionIds: string[];
  /** The features of the lines that an operator has blocked for the user, sorted. */
  blockedFeatures: string[];
  /** The products of which the user may have no other subscription. */
  exclusive: string[];
}

/**
 * Opens a checkout's intent before the request to Stripe. A session with the intent's id as
 * `client_reference_id` then belongs to the user.
 *
 * The user's lock serializes intents. An older intent without a session is replaced immediately. If its
 * request creates a session later, that request closes the session. The caller closes the sessions of the
 * other older intents.
 *
 * @param repeatId the id of the request. A repeated request continues with the intent of its first attempt.
 * @throws ProblemError already_subscribed, feature_revoked.
 */
export async function openIntent(
  deps: { clock: Clock; database: Database },
  name: UserName,
  lines: readonly Line[],
  repeatId: string | null,
): Promise<OpenedIntent> {
  const id = repeatId === null ? newId('ci') : `ci_${repeatId}`;
  return deps.database.transaction(async (tx) => {
    const user = await lockUser(tx, name, deps.clock());
    const { uid } = user;
    const now = presentOf(user, deps.clock());
    const owner = { projectId: name.projectId, uid };
    const blockedFeatures = await refuseIneligible(tx, owner, lines, now);
    const exclusive = await loadExclusiveProducts(tx, name.projectId, lines);
    const olderSessionIds = await replaceOlder(tx, uid, { lines, exclusive }, id);
    await tx.checkoutIntent.createMany({
      data: {
        id,
        projectId: name.projectId,
        uid,
        lineItems: lines.map(({ priceId, productId, quantity }) => ({
          price_id: priceId,
          product_id: productId,
          quantity,
        })),
        createdAt: new Date(now),
      },
      skipDuplicates: true,
    });
    return {
      id,
      uid,
      customerId: await loadCustomer(tx, uid),
      olderSessionIds,
      ...{ blockedFeatures, exclusive },
    };
  });
}

/**
 * Replaces the user's other open intents for one of the prices, or for a product that excludes another
 * subscription. An intent without a session is replaced immediately.
 *
 * @returns the sessions of the others, which the caller closes.
 */
export async function replaceOlder(
  tx: Tx,
  uid: bigint,
  sold: { lines: readonly Line[]; exclusive: readonly string[] },
  except: string | null,
): Promise<string[]> {
  const older = await loadOlder(tx, uid, sold, except);
  await tx.checkoutIntent.updateMany({
    where: {
      id: { in: older.filter(({ sessionId }) => sessionId === null).map(({ id }) => id) },
    },
    data: { status: 'replaced' },
  });
  return older.flatMap(({ sessionId }) => (sessionId === null ? [] : [sessionId]));
}

/**
 * Loads the user's other open intents for one of the prices, or for a product that excludes another subscription
 * (at whichever price). Locks their rows, so that none gets a session between this query and its replacement.
 * Includes sessions past their expiry, which may have been paid although the event has not arrived yet.
 */
async function loadOlder(
  tx: Tx,
  uid: bigint,
  { lines, exclusive }: { lines: readonly Line[]; exclusive: readonly string[] },
  except: string | null,
): Promise<{ id: string; sessionId: string | null }[]> {
  return tx.$queryRaw`
    select i.id, i.session_id as "sessionId"
    from checkout_intents i left join checkout_sessions s on s.id = i.session_id
    where i.uid = ${uid} and i.status = 'open' and i.id is distinct from ${except}
      and coalesce(s.status, 'open') = 'open'
      and exists (
        select from jsonb_array_elements(i.line_items) line
        where line ->> 'price_id' = any(${lines.map(({ priceId }) => priceId)}::text[])
          or line ->> 'product_id' = any(${exclusive}::text[]))
    order by i.created_at, i.id for update of i`;
}

/**
 * Stores the session that Stripe created for an intent. Reopens an intent whose first attempt failed.
 *
 * @param session with `expiresAt` in epoch milliseconds.
 * @param keep stores the response in the same transaction. Not called if the intent was replaced.
 * @returns false if a newer checkout has replaced the intent. The caller must then close the session.
 */
export async function storeSession(
  database: Database,
  intentId: string,
  session: { id: string; customerId: string | null; expiresAt: number },
  keep: (tx: Tx) => Promise<void>,
): Promise<boolean> {
  return database.transaction(async (tx) => {
    await tx.checkoutIntent.updateMany({
      where: { id: intentId, status: 'failed' },
      data: { status: 'open' },
    });
    const { status } = await tx.checkoutIntent.update({
      where: { id: intentId },
      data: {
        sessionId: session.id,
        customerId: session.customerId,
        expiresAt: new Date(session.expiresAt),
      },
    });
    const isOpen = status === 'open';
    if (isOpen) await keep(tx);
    return isOpen;
  });
}

/**
 * Loads the session of the open intent that replaced this one and has the same lines; null if no such intent
 * has a session yet.
 */
export async function loadReplacement(
  database: Database,
  intentId: string,
): Promise<string | null> {
  const [newer] = await database.prisma.$queryRaw<{ session_id: string }[]>`
    select newer.session_id
    from checkout_intents ours join checkout_intents newer
      on newer.uid = ours.uid and newer.line_items = ours.line_items
    where ours.id = ${intentId} and newer.status = 'open' and newer.session_id is not null
    order by newer.created_at desc limit 1`;
  return newer?.session_id ?? null;
}

/** Ends an intent if it is still open. */
export async function endIntent(
  database: Database,
  which: { id: string } | { sessionId: string },
  status: IntentEnd,
): Promise<void> {
  await database.prisma.checkoutIntent.updateMany({
    where: { ...which, status: 'open' },
    data: { status },
  });
}
