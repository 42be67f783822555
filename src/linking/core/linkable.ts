import type { UserName } from '../../entitlements/users.ts';
import type { Named } from '../../mirror/core/claims.ts';

/* Decides which customers an operator may link to a user. Pure; link-customer.ts loads the claims. */

/** All evidence that a customer belongs to a user or a project. */
export interface CustomerClaims {
  link: UserName | null;
  /** Named by the customer's own metadata, if the project exists. */
  named: Named | null;
  /** Named by the metadata of its objects, if the projects exist. */
  namedByObjects: readonly Named[];
  /** Users who own any of its objects. */
  holders: readonly UserName[];
  /** Projects that have the products that it bought. */
  sellers: readonly string[];
}

/** `not_found`: not the project's own. `linked`: it belongs to another user, who would lose it. */
export type LinkVerdict = 'free' | 'not_found' | 'linked';

/**
 * Returns whether a user may get the customer. A project's key may link a customer that belongs to its
 * project: linked to one of its users, named by metadata, held by one of its users, or a buyer of its
 * products. A customer that another project also claims, even only as a seller, looks as if it did not exist.
 * The platform key may link any customer that no other user has; objects of it that name another project stay
 * with that project.
 */
export function judgeLink(
  target: UserName,
  byPlatform: boolean,
  { link, named, namedByObjects, holders, sellers }: CustomerClaims,
): LinkVerdict {
  const itself = [link, named].filter((one) => one !== null);
  const users = [...itself, ...namedByObjects, ...holders];
  const isOwn = ({ projectId }: { projectId: string }): boolean => projectId === target.projectId;
  if (!byPlatform) {
    // If the customer itself has an owner, its purchases elsewhere change nothing.
    const bySale = itself.length > 0 ? [] : sellers.map((projectId) => ({ projectId }));
    const claims = [...users, ...bySale];
    if (claims.length === 0 || !claims.every(isOwn)) return 'not_found';
  }
  const isOther = ({ userId }: Named): boolean => userId !== null && userId !== target.userId;
  return users.some((user) => isOwn(user) && isOther(user)) || !itself.every(isOwn)
    ? 'linked'
    : 'free';
}
