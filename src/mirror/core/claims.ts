import type { UserName } from '../../entitlements/users.ts';

/*
 * Decides the owner of a Stripe object. This file is pure: owner.ts loads the evidence and stores the
 * decision.
 */

/** The owner that an object's own metadata names. `userId` is null if the metadata names only a project. */
export interface Named {
  projectId: string;
  userId: string | null;
}

/** The user to whom a customer is linked, and the origin of the link. */
export interface Link extends UserName {
  linkedBy: string | null;
}

/**
 * The decision about an owner. `undefined` means no evidence, so a stored owner stays; `null` removes the
 * owner.
 */
export type Verdict = UserName | null | undefined;

/**
 * Returns the owner of a customer: the linked user or, without one, the owner named in the metadata. Metadata
 * that names another project moves the customer to that project. A metadata edit within the project changes
 * nothing.
 *
 * @param named the owner in the customer's metadata; null if it names no existing project.
 */
export function ownerOfCustomer(link: Link | null, named: Named | null): Verdict {
  if (named !== null && named.projectId !== link?.projectId) return userOf(named, link !== null);
  return link ?? undefined;
}

/**
 * Returns the owner of a subscription or session. The first of these decides: the intent that claims its
 * session; the user to whom an operator linked its customer; its own metadata; the user of its customer.
 * Metadata that names another project takes precedence over both rules about the customer.
 *
 * @param customer the verdict of `ownerOfCustomer`, and whether an operator linked the customer.
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

/** Returns the named user. Metadata that names only a project removes an owner in another project. */
function userOf({ projectId, userId }: Named, hasOwner: boolean): Verdict {
  if (userId !== null) return { projectId, userId };
  return hasOwner ? null : undefined;
}

/** A checkout intent, recorded before its session is requested from Stripe. */
export interface Intent extends UserName {
  id: string;
  /** Null until Stripe has responded. Stays null if the response was lost. */
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
 * Returns whether an intent claims a session: either Stripe returned this session for it or, if that response
 * was lost, the session names the intent and its project and sells the same prices. The reference alone
 * proves nothing, because the buyer can set it on a payment link.
 */
export function claimsSession(intent: Intent, session: SessionClaim): boolean {
  if (intent.sessionId !== null) return intent.sessionId === session.id;
  return (
    intent.id === session.clientReferenceId &&
    intent.projectId === session.metadataProjectId &&
    new Set(intent.priceIds).symmetricDifference(new Set(session.priceIds)).size === 0
  );
}
