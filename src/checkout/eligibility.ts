import { ProblemError } from '../http/problem.ts';
import type { Tx } from '../platform/database.ts';
import { type Line, soleProducts } from './lines.ts';

/** Nothing follows these at Stripe; a subscription in any other status, unknown ones too, may come to cost money. */
const overStatuses = ['canceled', 'incomplete_expired'];

/**
 * Refuses to sell a user what would be paid twice, or what could not be used.
 *
 * @param now epoch milliseconds
 * @throws ProblemError already_subscribed: a mirrored subscription of the user that is not over has an
 *   item of a product that may be subscribed to only once; feature_revoked: all that one of the lines
 *   carries is revoked for the user now
 */
export async function refuseIneligible(
  tx: Tx,
  uid: bigint,
  lines: readonly Line[],
  now: number,
): Promise<void> {
  const subscribed = await tx.subscriptionItem.findFirst({
    where: {
      productId: { in: soleProducts(lines) },
      subscription: { uid, status: { notIn: overStatuses } },
    },
  });
  if (subscribed !== null) {
    throw new ProblemError(
      'already_subscribed',
      'The user has a live subscription to this product; it is changed in the billing portal.',
    );
  }
  const revoked = await loadRevoked(tx, uid, now);
  const useless = lines.find(
    ({ featureCodes }) =>
      featureCodes.length > 0 && featureCodes.every((code) => revoked.has(code)),
  );
  if (useless !== undefined) throw new ProblemError('feature_revoked');
}

/** The codes of what is revoked for the user at `now`, by the stored timeline. */
async function loadRevoked(tx: Tx, uid: bigint, now: number): Promise<Set<string>> {
  const at = new Date(now);
  const segments = await tx.entitlementSegment.findMany({
    where: {
      uid,
      supersededAt: null,
      reason: 'revoked',
      AND: [
        { OR: [{ validFrom: null }, { validFrom: { lte: at } }] },
        { OR: [{ validTo: null }, { validTo: { gt: at } }] },
      ],
    },
    select: { featureCode: true },
  });
  return new Set(segments.map(({ featureCode }) => featureCode));
}
