import { blockedFeatures } from '../entitlements/core/decision.ts';
import { terminalStatuses } from '../entitlements/core/stripe-statuses.ts';
import { loadFacts } from '../entitlements/refresh/load-facts.ts';
import { ProblemError } from '../http/problem.ts';
import type { Tx } from '../platform/database.ts';
import { loadExclusiveProducts } from './exclusive-products.ts';
import type { Line } from './lines.ts';

/**
 * Refuses a checkout that would charge the user twice, or for a price with only blocked features.
 *
 * @param now epoch milliseconds.
 * @returns the blocked features of the lines, sorted. The user will not get them.
 * @throws ProblemError already_subscribed if a live subscription of the user has an item of a product that
 *   excludes another subscription (`loadExclusiveProducts`); feature_revoked if all features of a line are
 *   blocked.
 */
export async function refuseIneligible(
  tx: Tx,
  { projectId, uid }: { projectId: string; uid: bigint },
  lines: readonly Line[],
  now: number,
): Promise<string[]> {
  // A subscription in an unknown status may still cost money, so it counts as live.
  const subscribed = await tx.subscriptionItem.findFirst({
    where: {
      productId: { in: await loadExclusiveProducts(tx, projectId, lines) },
      subscription: { uid, status: { notIn: [...terminalStatuses] } },
    },
  });
  if (subscribed !== null) {
    throw new ProblemError(
      'already_subscribed',
      `The user has the live subscription \`${subscribed.subscriptionId}\` to this product or its group. Change that subscription (POST /api/v1/subscriptions/{id}/change), or let the user do so in the billing portal (POST /api/v1/portal/sessions).`,
      undefined,
      undefined,
      { subscription_id: subscribed.subscriptionId },
    );
  }
  const facts = (await loadFacts(tx, projectId, [uid])).get(uid);
  const blocked = facts === undefined ? new Set<string>() : blockedFeatures(facts, now);
  const fullyBlocked = lines.find(
    ({ featureCodes }) =>
      featureCodes.length > 0 && featureCodes.every((code) => blocked.has(code)),
  );
  if (fullyBlocked !== undefined) {
    throw new ProblemError(
      'feature_revoked',
      `Every feature of the price \`${fullyBlocked.priceId}\` is revoked for this user. Lift the revocation first: DELETE /api/v1/admin/revocations/{id}.`,
    );
  }
  const sold = new Set(lines.flatMap(({ featureCodes }) => featureCodes));
  return [...sold].filter((code) => blocked.has(code)).sort();
}
