import type { UserName } from '../../entitlements/users.ts';
import type { Named } from '../../mirror/core/claims.ts';

/** All evidence that ties a customer to a user or a project. */
export interface CustomerClaims {
  link: UserName | null;
  /** The owner that the customer's own metadata names, if the project exists. */
  named: Named | null;
  /** The owners that the metadata of the customer's objects names, if their projects exist. */
  namedByObjects: readonly Named[];
  /** The users who own any of the customer's objects. */
  owners: readonly UserName[];
  /** The projects of the products that the customer bought. */
  sellers: readonly string[];
}

/**
 * The decision about a link. `free`: the customer may be linked. `not_found`: the key may not see the
 * customer. `linked`: the customer belongs to another user.
 */
export type LinkVerdict = 'free' | 'not_found' | 'linked';

/**
 * Decides whether an operator may link the customer to a user. Pure.
 * - A project's key may link a customer that belongs to its project: by link, metadata, objects or the
 *   products bought. If another project also has a claim to the customer, even only as the seller, the
 *   customer looks as if it did not exist.
 * - The platform key may link any customer that does not belong to another user. Objects with metadata that
 *   names another project stay in that project.
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
    // A customer with an owner may also buy from other projects.
    const bySale = itself.length > 0 ? [] : sellers.map((projectId) => ({ projectId }));
    const claims = [...users, ...bySale];
    if (claims.length === 0 || !claims.every(isOwn)) return 'not_found';
  }
  const isOther = ({ userId }: Named): boolean => userId !== null && userId !== target.userId;
  return users.some((user) => isOwn(user) && isOther(user)) || !itself.every(isOwn)
    ? 'linked'
    : 'free';
}
