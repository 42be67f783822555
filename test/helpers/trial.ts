import { requireGeneratedClient } from './generated-client.ts';
import { findRedisServer } from '../../src/dev/redis.ts';
import { Started } from '../../src/dev/started.ts';

/**
 * Runs a trial of whole instances, and stops everything that it started. The process exits with 0 only if the
 * trial resolves with true.
 *
 * @param trial gets the path of `redis-server`.
 */
export async function runTrial(
  trial: (redisProgram: string, started: Started) => Promise<boolean>,
): Promise<void> {
  const started = new Started();
  started.endOnSignal();
  try {
    const redisProgram = findRedisServer();
    if (redisProgram === undefined) {
      throw new Error(
        'A redis-server is needed on the PATH (Debian: apt-get install redis-server).',
      );
    }
    await requireGeneratedClient();
    if (!(await trial(redisProgram, started))) process.exitCode = 1;
  } catch (error) {
    process.exitCode = 1;
    // A trial that Ctrl-C interrupted fails, too, and needs no message.
    if (!started.stopping) {
      process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    }
  } finally {
    await started.stop();
  }
}
