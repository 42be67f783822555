import type { UserName } from '../entitlements/users.ts';

/*
 * Whose an object of Stripe's is, as far as each thing that tells of it goes. Pure; owner.ts loads what
 * tells, and stores what is decided here.
 */

/** What an object's own metadata says; `userId` null where it names a project alone. */
export interface Named {
  projectId: string;
  userId: string | null;
}

/** A user to whom a customer is linked, and how that came about. */
export interface Link extends UserName {
  linkedBy: string | null;
}

/** `undefined`: nothing tells. `null`: nobody's, though something may be stored. */
export type Verdict = UserName | null | undefined;

/**
 * Returns whose a customer is: who it is linked to, unless its own metadata names another project, which
 * it then goes to; else whom its metadata names. An edit within the project moves nothing.
 *
 * @param named by its metadata; null where that names no existing project.
 */
export function ownerOfCustomer(link: Link | null, named: Named | null): Verdict {
  if (named !== null && named.projectId !== link?.projectId) return userOf(named, link !== null);
  return link ?? undefined;
}

/**
 * Returns whose a subscription or session is, by the first of: the intent that claims its session; the
 * user whom an operator linked its customer to; its own metadata; the user of its customer. Metadata that
 * names another project goes before both of its customer's users.
 *
 * @param customer what `ownerOfCustomer` says of its customer, and how that is linked.
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

/** A project alone is no user: what was somebody's of another project is nobody's then. */
function userOf({ projectId, userId }: Named, wasStored: boolean): Verdict {
  if (userId !== null) return { projectId, userId };
  return wasStored ? null : undefined;
}

/** A checkout that we were about to open. */
export interface Intent extends UserName {
  id: string;
  /** Null until Stripe's answer came, or where it was lost. */
  sessionId: string | null;
  priceIds: readonly string[];
}

/** What a session says of itself. */
export interface SessionClaim {
  id: string;
  clientReferenceId: string | null;
  priceIds: readonly string[];
  metadataProjectId: string | null;
}

/**
 * Returns whether an intent claims a session: it is the one that the intent was answered with; or, where
 * that answer was lost, one that names the intent and sells what it was written for, in its project. The
 * reference alone is worth nothing: on a payment link the buyer sets it.
 */
export function claimsSession(intent: Intent, session: SessionClaim): boolean {
  if (intent.sessionId !== null) return intent.sessionId === session.id;
  return (
    intent.id === session.clientReferenceId &&
    intent.projectId === session.metadataProjectId &&
    new Set(intent.priceIds).symmetricDifference(new Set(session.priceIds)).size === 0
  );
}
