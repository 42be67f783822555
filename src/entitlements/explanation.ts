import type { Database, Tx } from '../platform/database.ts';
import { loadAuditIds, loadEvidence, type SourceEvidence } from './evidence.ts';
import { explainAt, type Explanation } from './explain.ts';
import { loadFacts } from './load.ts';
import type { UserName } from './users.ts';

/** An explanation, and what its parts rest on. */
export interface EvidencedExplanation extends Explanation {
  /** By source id; grants have none. */
  evidence: Map<string, SourceEvidence>;
  /** By the id of the grant or revocation: the last audit row about it. */
  auditIds: Map<string, string>;
}

/** Ids of users begin at 1: nothing is known about this one. */
const nobody = 0n;

/**
 * Why a user may or may not use a feature at an instant (epoch milliseconds), from facts and evidence
 * of one state of the database. While users are being recomputed after a change of the catalog, it is
 * ahead of an answer that is yet to be.
 */
export async function loadExplanation(
  database: Database,
  user: UserName,
  featureCode: string,
  instant: number,
): Promise<EvidencedExplanation> {
  return database.transaction(async (tx) => {
    await tx.$executeRaw`set transaction isolation level repeatable read, read only`;
    const uid = await loadUid(tx, user);
    const facts = (await loadFacts(tx, user.projectId, [uid])).get(uid);
    if (facts === undefined) throw new Error('facts of a user are missing');
    const explanation = explainAt(facts, featureCode, instant);
    const { sources, revocations } = explanation;
    const idsOf = (type: 'subscription' | 'purchase' | 'grant') =>
      sources.filter(({ ref }) => ref.type === type).map(({ ref }) => ref.id);
    return {
      ...explanation,
      evidence: await loadEvidence(tx, {
        subscriptionIds: idsOf('subscription'),
        purchaseIds: idsOf('purchase'),
      }),
      auditIds: await loadAuditIds(tx, user, [
        ...idsOf('grant'),
        ...revocations.map(({ id }) => id),
      ]),
    };
  });
}

async function loadUid(tx: Tx, { projectId, userId }: UserName): Promise<bigint> {
  const user = await tx.user.findUnique({
    where: { projectId_userId: { projectId, userId } },
    select: { uid: true },
  });
  return user?.uid ?? nobody;
}
