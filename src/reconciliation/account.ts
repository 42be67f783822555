import Stripe from 'stripe';
import { RunFailed, type ReconcileDeps } from './run-context.ts';

/** How far our clock may be from Stripe's, milliseconds. */
const mostSkewMs = 300_000;

/**
 * Looks whether Stripe is the one whose objects the mirror holds, before anything is compared: the
 * account that the settings name, or else that of the last run that ended well. A restricted key may not
 * read the account: then that stays unknown, and objects that are not there stay open findings.
 *
 * @returns the account's id; null where it may not be read.
 * @throws RunFailed where it is another, or where our clock and Stripe's are apart: what has begun or
 *   ended could not be told.
 */
export async function checkAccount(deps: ReconcileDeps): Promise<string | null> {
  const account = await fetchAccount(deps);
  if (account === null) return null;
  const { id, date } = account;
  const skewMs = date === null ? 0 : Math.abs(deps.clock() - date);
  if (skewMs > mostSkewMs) {
    deps.metrics.alarms.inc({ kind: 'reconciliation_clock' });
    throw new RunFailed(
      `clock_off: our clock and Stripe's are ${Math.round(skewMs / 1000)} seconds apart`,
    );
  }
  const known = deps.config.stripe.accountId ?? (await loadLastAccount(deps));
  if (known !== null && known !== id) {
    deps.metrics.alarms.inc({ kind: 'reconciliation_account' });
    throw new RunFailed(
      `account_changed: the key is of ${id}, the mirror of ${known}; set STRIPE_ACCOUNT_ID where that is meant`,
    );
  }
  return id;
}

async function fetchAccount({
  stripeForReconciliation: stripe,
}: ReconcileDeps): Promise<{ id: string; date: number | null } | null> {
  try {
    const { id, lastResponse } = await stripe.accounts.retrieveCurrent();
    const date = Date.parse(lastResponse.headers['date'] ?? '');
    return { id, date: Number.isNaN(date) ? null : date };
  } catch (error) {
    if (error instanceof Stripe.errors.StripeError && error.statusCode === 403) return null;
    throw error;
  }
}

async function loadLastAccount({ database }: ReconcileDeps): Promise<string | null> {
  const last = await database.prisma.reconciliationRun.findFirst({
    where: { accountId: { not: null }, status: { in: ['done', 'held'] } },
    orderBy: { startedAt: 'desc' },
    select: { accountId: true },
  });
  return last?.accountId ?? null;
}
