import type { Deps } from '../deps.ts';
import type { WebhookEndpoint } from '../generated/prisma/client.ts';
import { ProblemError } from '../http/problem.ts';
import { newId } from '../platform/ids.ts';
import { bodyOf } from './core/message.ts';
import { liveSecrets, previousSecretsOf } from './secrets.ts';
import type { Attempt, Sender } from './send.ts';

/** Maximum number of concurrent tests per project. */
const maxPerProject = 4;

/** Creates the function that sends `webhook.test` to an endpoint, even if it is disabled. */
export function createSendTest({
  clock,
  lifecycle,
  sender,
}: Pick<Deps, 'clock' | 'lifecycle'> & { sender: Sender }) {
  const running = new Map<string, number>();
  const stopped = new AbortController();
  lifecycle.onStop(() => {
    stopped.abort();
  });

  /**
   * Returns the result; undefined if the process stops.
   *
   * @throws ProblemError `too_many_requests` if the project has too many tests running.
   */
  return async (row: WebhookEndpoint): Promise<Attempt | undefined> => {
    const { id, projectId, url, secret } = row;
    const before = running.get(projectId) ?? 0;
    if (before >= maxPerProject) {
      throw new ProblemError('too_many_requests', 'Wait until the running tests have ended.');
    }
    running.set(projectId, before + 1);
    try {
      const now = clock();
      const timestamp = new Date(now).toISOString();
      const data = { project_id: projectId, endpoint_id: id };
      return await sender.send(
        {
          url,
          id: newId('msg'),
          body: bodyOf({ type: 'webhook.test', timestamp, data }, null),
          secrets: liveSecrets({ secret, previousSecrets: previousSecretsOf(row) }, now),
        },
        stopped.signal,
      );
    } finally {
      const left = (running.get(projectId) ?? 1) - 1;
      if (left === 0) running.delete(projectId);
      else running.set(projectId, left);
    }
  };
}
