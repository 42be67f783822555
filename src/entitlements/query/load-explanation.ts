import type { Database, Tx } from '../../platform/database.ts';
import { explainAt, type Explanation } from '../core/explain.ts';
import { presentOf } from '../core/present.ts';
import { loadFacts } from '../refresh/load-facts.ts';
import type { UserName } from '../users.ts';
import { loadAuditIds, loadEvidence, type SourceEvidence } from './load-evidence.ts';

/** An explanation with its evidence. */
export interface EvidencedExplanation extends Explanation {
  /** The evidence by source id. Grants have none. */
  evidence: Map<string, SourceEvidence>;
  /** The latest audit row about each grant or revocation, by the id of the grant or revocation. */
  auditIds: Map<string, string>;
}

/** The instant to evaluate at. */
export interface ReadInstant {
  /** Epoch milliseconds; undefined for now. */
  at: number | undefined;
  /** The current time by this process's clock. The instant to read a user at may be later (`presentOf`). */
  now: number;
}

/** The uid that stands for an unknown user, who has no facts. Real uids begin at 1. */
const unknownUid = 0n;

/**
 * Explains why a user may or may not use a feature at an instant, from one snapshot of the database. While
 * users are recomputed after a catalog change, the explanation may be ahead of the stored answer.
 */
export async function loadExplanation(
  database: Database,
  user: UserName,
  featureCode: string,
  { at, now }: ReadInstant,
): Promise<EvidencedExplanation> {
  return database.transaction(async (tx) => {
    await tx.$executeRaw`set transaction isolation level repeatable read, read only`;
    const { uid, recordedAt } = await loadNamed(tx, user);
    const facts = (await loadFacts(tx, user.projectId, [uid])).get(uid);
    if (facts === undefined) throw new Error(`loadFacts returned no facts for user ${uid}`);
    const explanation = explainAt(facts, featureCode, at ?? presentOf({ recordedAt }, now));
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

async function loadNamed(
  tx: Tx,
  { projectId, userId }: UserName,
): Promise<{ uid: bigint; recordedAt: number | null }> {
  const user = await tx.user.findUnique({
    where: { projectId_userId: { projectId, userId } },
    select: { uid: true, recordedAt: true },
  });
  return { uid: user?.uid ?? unknownUid, recordedAt: user?.recordedAt?.getTime() ?? null };
}
