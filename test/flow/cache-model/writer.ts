import type { EntitlementCache } from '../../../src/entitlements/read/cache.ts';
import { updateUser } from '../../../src/entitlements/refresh/update-user.ts';
import { applySnapshot } from '../../../src/mirror/apply.ts';
import { snapshotOf } from '../../../src/mirror/core/stripe-snapshot.ts';
import { newId } from '../../../src/platform/ids.ts';
import { drawNumber } from '../../../src/webhook/fetch-numbers.ts';
import type { TestService } from '../../helpers/service.ts';
import { feature, priceId, productId, type WrittenFacts } from './written-facts.ts';

export interface Writer {
  grant(facts: WrittenFacts, validTo: number | null): Promise<void>;
  endGrant(facts: WrittenFacts): Promise<void>;
  revoke(facts: WrittenFacts, validTo: number | null): Promise<void>;
  lift(facts: WrittenFacts): Promise<void>;
  subscription(facts: WrittenFacts, active: boolean): Promise<void>;
}

/** Writes through the service's own functions, and notes in `facts` what was written. */
export function createWriter(
  { clock, deps }: TestService,
  cache: EntitlementCache,
  projectId: string,
): Writer {
  const change = async (userId: string, write: Parameters<typeof updateUser>[3]): Promise<void> => {
    await updateUser({ ...deps, cache }, projectId, userId, write);
  };
  const open = { projectId, featureCode: feature.code, reason: 'model', auditId: 'au_model' };
  return {
    async grant(facts, validTo) {
      const id = newId('gr');
      const validFrom = clock.now();
      const createdAt = new Date(validFrom);
      await change(facts.userId, (tx, { uid }) =>
        tx.grant.create({
          data: {
            ...open,
            id,
            uid,
            value: true,
            validFrom: createdAt,
            validTo: validTo === null ? null : new Date(validTo),
            createdAt,
          },
        }),
      );
      const number = nextNumber(facts);
      const { code: featureCode } = feature;
      facts.grants.push({
        id,
        featureCode,
        value: true,
        validFrom,
        validTo,
        endedAt: null,
        number,
      });
    },
    async endGrant(facts) {
      const one = facts.grants.find(({ endedAt }) => endedAt === null);
      const endedAt = clock.now();
      await change(facts.userId, (tx) =>
        tx.grant.updateMany({
          where: { id: one?.id ?? 'none' },
          data: { endedAt: new Date(endedAt) },
        }),
      );
      if (one !== undefined) one.endedAt = endedAt;
    },
    async revoke(facts, validTo) {
      const id = newId('rv');
      const validFrom = clock.now();
      const createdAt = new Date(validFrom);
      await change(facts.userId, (tx, { uid }) =>
        tx.revocation.create({
          data: {
            ...open,
            id,
            uid,
            validFrom: createdAt,
            validTo: validTo === null ? null : new Date(validTo),
            block: false,
            createdAt,
          },
        }),
      );
      facts.revocations.push({
        id,
        featureCode: feature.code,
        validFrom,
        validTo,
        liftedAt: null,
        number: nextNumber(facts),
        recordedAt: validFrom,
        block: false,
      });
    },
    async lift(facts) {
      const one = facts.revocations.find(({ liftedAt }) => liftedAt === null);
      const liftedAt = clock.now();
      await change(facts.userId, (tx) =>
        tx.revocation.updateMany({
          where: { id: one?.id ?? 'none' },
          data: { liftedAt: new Date(liftedAt) },
        }),
      );
      if (one !== undefined) one.liftedAt = liftedAt;
    },
    async subscription(facts, active) {
      const now = clock.now();
      facts.subscription ??= { id: `sub_${facts.userId}`, startDate: now, endedAt: null };
      // A canceled subscription stays canceled.
      if (!active) facts.subscription.endedAt ??= now;
      const { id, startDate, endedAt } = facts.subscription;
      const start = new Date(startDate);
      const snapshot = snapshotOf({
        subscription: [
          {
            id,
            customerId: `cus_${facts.userId}`,
            status: endedAt === null ? 'active' : 'canceled',
            currency: 'usd',
            collectionMethod: 'charge_automatically',
            createdAt: start,
            startDate: start,
            billingCycleAnchor: start,
            endedAt: endedAt === null ? null : new Date(endedAt),
            cancelAt: null,
            cancelAtPeriodEnd: false,
            canceledAt: endedAt === null ? null : new Date(endedAt),
            trialStart: null,
            trialEnd: null,
            pausedAt: null,
            collectionPaused: false,
            dunningAnchorAt: null,
            metadataProjectId: projectId,
            metadataUserId: facts.userId,
            items: [
              {
                id: `si_${id}`,
                subscriptionId: id,
                priceId,
                productId,
                quantity: 1,
                createdAt: start,
                currentPeriodStart: start,
                currentPeriodEnd: new Date(startDate + 30 * 86_400_000),
                position: 0,
              },
            ],
          },
        ],
      });
      await applySnapshot({ ...deps, cache }, snapshot, await drawNumber(deps.database));
    },
  };
}

/** The number of the next grant or revocation. */
function nextNumber({ grants, revocations }: WrittenFacts): number {
  return grants.length + revocations.length + 1;
}
