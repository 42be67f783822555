import Stripe from 'stripe';
import { RunFailed, type ReconcileDeps } from './run-context.ts';

/** Maximum difference between our clock and Stripe's, milliseconds. */
const maxSkewMs = 300_000;

/**
 * Checks, before anything is compared, that the key belongs to the mirror's account: the one in the settings
 * or, without it, that of the last successful run. A restricted key may be unable to read its account.
 *
 * @returns the account's id; null if the key may not read it.
 * @throws RunFailed if the account is a different one, or if our clock and Stripe's differ too much.
 */
export async function checkAccount(deps: ReconcileDeps): Promise<string | null> {
  const account = await fetchAccount(deps);
  if (account === null) return null;
  const { id, date } = account;
  const skewMs = date === null ? 0 : Math.abs(deps.clock() - date);
  if (skewMs > maxSkewMs) {
    deps.metrics.alarms.inc({ kind: 'reconciliation_clock' });
    throw new RunFailed(
      `clock_off: our clock and Stripe's are ${Math.round(skewMs / 1000)} seconds apart`,
    );
  }
  const known = deps.config.stripe.accountId ?? (await loadLastAccount(deps));
  if (known !== null && known !== id) {
    deps.metrics.alarms.inc({ kind: 'reconciliation_account' });
    throw new RunFailed(
      `account_changed: the key belongs to ${id}, but the mirror to ${known}; if this is intended, set STRIPE_ACCOUNT_ID`,
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
