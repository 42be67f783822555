import type { UserName } from '../../entitlements/users.ts';
import type { Named } from '../../mirror/core/claims.ts';

/** All evidence that a customer belongs to a user or a project. */
export interface CustomerClaims {
  link: UserName | null;
  /** The owner in the customer's own metadata, if the project exists. */
  named: Named | null;
  /** The owners in the metadata of its objects, if the projects exist. */
  namedByObjects: readonly Named[];
  /** Users who own any of its objects. */
  owners: readonly UserName[];
  /** The projects of the products that it bought. */
  sellers: readonly string[];
}

/** `not_found`: the key may not see it. `linked`: another user has it. */
export type LinkVerdict = 'free' | 'not_found' | 'linked';

/**
 * Decides whether an operator may link the customer to a user. A project's key may link a customer that
 * belongs to its project: by its link, its metadata, its objects or the products that it bought. A customer
 * that another project also claims, even only as a seller, looks as if it did not exist. The platform key may
 * link any customer that no other user has; objects whose metadata names another project stay there. Pure.
 */
export function judgeLink(
  target: UserName,
  byPlatform: boolean,
  { link, named, namedByObjects, owners, sellers }: CustomerClaims,
): LinkVerdict {
  const itself = [link, named].filter((one) => one !== null);
  const users = [...itself, ...namedByObjects, ...owners];
  const isOwn = ({ projectId }: { projectId: string }): boolean => projectId === target.projectId;
  if (!byPlatform) {
    // A customer with an owner may buy elsewhere.
    const bySale = itself.length > 0 ? [] : sellers.map((projectId) => ({ projectId }));
    const claims = [...users, ...bySale];
    if (claims.length === 0 || !claims.every(isOwn)) return 'not_found';
  }
  const isOther = ({ userId }: Named): boolean => userId !== null && userId !== target.userId;
  return users.some((user) => isOwn(user) && isOther(user)) || !itself.every(isOwn)
    ? 'linked'
    : 'free';
}
