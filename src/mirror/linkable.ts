import type { UserName } from '../entitlements/users.ts';
import type { Named } from './claims.ts';

/*
 * Which customers an operator may link to a user. Pure; link.ts loads what tells.
 */

/** Everything by which a customer may be somebody's. */
export interface CustomerClaims {
  link: UserName | null;
  /** By the customer's own metadata, of a project that exists. */
  named: Named | null;
  /** By the metadata of what it has, of projects that exist. */
  namedByObjects: readonly Named[];
  /** Users who have something of it. */
  holders: readonly UserName[];
  /** The projects that have taken the products that it bought. */
  sellers: readonly string[];
}

/** `not_found`: not the project's own. `linked`: another user's, whom the link would take it from. */
export type LinkVerdict = 'free' | 'not_found' | 'linked';

/**
 * Returns whether a user may get the customer. A project's key links what is the project's own: linked to
 * a user of it, named by metadata, held, or a buyer of its products; and what another project has a claim
 * to, as the seller of something it bought too, does not exist for it. The platform key links any customer that is nobody else's: what it has that
 * names another project goes there all the same.
 */
export function judgeLink(
  wanted: UserName,
  byPlatform: boolean,
  { link, named, namedByObjects, holders, sellers }: CustomerClaims,
): LinkVerdict {
  const itself = [link, named].filter((one) => one !== null);
  const users = [...itself, ...namedByObjects, ...holders];
  const isOwn = ({ projectId }: { projectId: string }): boolean => projectId === wanted.projectId;
  if (!byPlatform) {
    // Where the customer itself is somebody's, what it bought elsewhere changes nothing.
    const bySale = itself.length > 0 ? [] : sellers.map((projectId) => ({ projectId }));
    const claims = [...users, ...bySale];
    if (claims.length === 0 || !claims.every(isOwn)) return 'not_found';
  }
  const isOther = ({ userId }: Named): boolean => userId !== null && userId !== wanted.userId;
  return users.some((user) => isOwn(user) && isOther(user)) || !itself.every(isOwn)
    ? 'linked'
    : 'free';
}
