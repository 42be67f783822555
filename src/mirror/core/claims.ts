import type { UserName } from '../../entitlements/users.ts';

/*
 * Decides the owner of a Stripe object. Pure: owner.ts loads the evidence and stores the decision.
 */

/** The owner in an object's own metadata; `userId` is null if the metadata names only a project. */
export interface Named {
  projectId: string;
  userId: string | null;
}

/** The user to whom a customer is linked, and the origin of the link. */
export interface Link extends UserName {
  linkedBy: string | null;
}

/** The owner; `undefined` without evidence, so that a stored owner stays; `null` to remove it. */
export type Verdict = UserName | null | undefined;

/**
 * Returns the owner of a customer: its linked user, otherwise the owner that its metadata names. Metadata
 * that names another project moves the customer there; an edit within the project changes nothing.
 *
 * @param named the owner in its metadata; null if it names no existing project.
 */
export function ownerOfCustomer(link: Link | null, named: Named | null): Verdict {
  if (named !== null && named.projectId !== link?.projectId) return userOf(named, link !== null);
  return link ?? undefined;
}

/**
 * Returns the owner of a subscription or session, by the first of: the intent that claims its session; the
 * user to whom an operator linked its customer; its own metadata; the user of its customer. Metadata that
 * names another project takes precedence over both rules about the customer.
 *
 * @param customer the verdict of `ownerOfCustomer` on its customer, and whether an operator linked it.
 */
export function ownerOfObject(
  intended: UserName | undefined,
  named: Named | null,
  customer: { owner: Verdict; byOperator: boolean },
): Verdict {
  if (intended !== undefined) return intended;
  const { owner, byOperator } = customer;
  if (named === null) return owner;
  const leaves = named.projectId !== owner?.projectId;
  return leaves || (named.userId !== null && !byOperator)
    ? userOf(named, owner !== undefined)
    : owner;
}

/** Returns the named user. Metadata with only a project removes an owner in another project. */
function userOf({ projectId, userId }: Named, hasOwner: boolean): Verdict {
  if (userId !== null) return { projectId, userId };
  return hasOwner ? null : undefined;
}

/** A checkout, recorded before its session is requested from Stripe. */
export interface Intent extends UserName {
  id: string;
  /** Null until Stripe has answered, and if the answer was lost. */
  sessionId: string | null;
  priceIds: readonly string[];
}

/** The fields of a session by which an intent may claim it. */
interface SessionClaim {
  id: string;
  clientReferenceId: string | null;
  priceIds: readonly string[];
  metadataProjectId: string | null;
}

/**
 * Returns whether an intent claims a session: the one that Stripe returned for it or, if that answer was
 * lost, one that names the intent and its project and sells the same prices. The reference alone proves
 * nothing: on a payment link the buyer sets it.
 */
export function claimsSession(intent: Intent, session: SessionClaim): boolean {
  if (intent.sessionId !== null) return intent.sessionId === session.id;
  return (
    intent.id === session.clientReferenceId &&
    intent.projectId === session.metadataProjectId &&
    new Set(intent.priceIds).symmetricDifference(new Set(session.priceIds)).size === 0
  );
}
