import type { UserName } from '../entitlements/users.ts';
import { notFound } from '../http/not-found.ts';
import type { Database } from '../platform/database.ts';

/**
 * Loads the user of a session that was opened through this project. A session of another project is handled
 * like a missing one, without a request to Stripe.
 *
 * @param projectId null for any project (platform key).
 * @throws ProblemError session_not_found.
 */
export async function loadOwnSession(
  database: Database,
  projectId: string | null,
  sessionId: string,
): Promise<UserName> {
  const intent = await database.prisma.checkoutIntent.findFirst({
    where: { sessionId, ...(projectId === null ? {} : { projectId }) },
    include: { user: { select: { userId: true } } },
  });
  if (intent === null) throw notFound('session_not_found', 'id', sessionId);
  return { projectId: intent.projectId, userId: intent.user.userId };
}
