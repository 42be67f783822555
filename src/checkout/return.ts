import { ProblemError } from '../http/problem.ts';
import type { Database } from '../platform/database.ts';

/**
 * The user of a session that was opened through this project; one of another project answers as one
 * that does not exist, without asking Stripe.
 *
 * @throws ProblemError session_not_found
 */
export async function loadOwnSession(
  database: Database,
  projectId: string,
  sessionId: string,
): Promise<string> {
  const intent = await database.prisma.checkoutIntent.findUnique({
    where: { sessionId },
    include: { user: { select: { userId: true } } },
  });
  if (intent?.projectId !== projectId) throw new ProblemError('session_not_found');
  return intent.user.userId;
}
