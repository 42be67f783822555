import type { Send } from './http.ts';
import { LatchkeyError, LatchkeyUnavailable } from './problem.ts';
import type { Answer, AnswerOf } from './routes.ts';

/** Maximum number of users per request. */
const batchSize = 100;

/** Maximum number of concurrent requests. While that many run, further users wait for the next request. */
const maxRunning = 4;

interface Waiting {
  since: number;
  resolve: (answer: Answer) => void;
  reject: (error: unknown) => void;
}

/**
 * Creates a function that loads a user's answer. Calls of one tick share a request. A call resolves or rejects
 * within the time limit, waiting included. The caller loads each user once at a time.
 */
export function createLoader(send: Send, timeoutMs: number): (userId: string) => Promise<Answer> {
  let waiting = new Map<string, Waiting>();
  let running = 0;
  let isScheduled = false;

  async function loadBatch(batch: ReadonlyMap<string, Waiting>): Promise<void> {
    const userIds = [...batch.keys()];
    const [first] = batch.values();
    const waitedMs = first === undefined ? 0 : performance.now() - first.since;
    running += 1;
    try {
      const body = await send<AnswerOf<'/api/v1/entitlements/batch', 'post'>>(
        '/entitlements/batch',
        {
          method: 'POST',
          body: { user_ids: userIds, include: ['reasons'] },
          timeoutMs: Math.max(1, Math.ceil(timeoutMs - waitedMs)),
          isRead: true,
        },
      );
      const answers = answersOf(body, userIds);
      for (const [nth, each] of [...batch.values()].entries()) {
        const answer = answers[nth];
        if (answer !== undefined) each.resolve(answer);
      }
    } catch (error) {
      if (batch.size > 1 && isBadRequest(error)) {
        // A user's id is invalid. Splits the batch, so that the users with valid ids get their answers.
        for (const half of halvesOf(batch)) void loadBatch(half);
        return;
      }
      rejectAll(batch, error);
      // The waiting requests would only fail the same way.
      if (error instanceof LatchkeyUnavailable) {
        const rest = waiting;
        waiting = new Map();
        rejectAll(rest, error);
      }
    } finally {
      running -= 1;
      loadWaiting();
    }
  }

  function loadWaiting(): void {
    while (running < maxRunning && waiting.size > 0) {
      const batch = new Map([...waiting].slice(0, batchSize));
      for (const userId of batch.keys()) waiting.delete(userId);
      void loadBatch(batch);
    }
  }

  return (userId) =>
    new Promise((resolve, reject) => {
      waiting.set(userId, { since: performance.now(), resolve, reject });
      if (isScheduled || running >= maxRunning) return;
      isScheduled = true;
      setTimeout(() => {
        isScheduled = false;
        loadWaiting();
      }, 0);
    });
}

function isBadRequest(error: unknown): boolean {
  return error instanceof LatchkeyError && (error.status === 400 || error.status === 422);
}

function halvesOf<Value>(batch: ReadonlyMap<string, Value>): Map<string, Value>[] {
  const entries = [...batch];
  const middle = Math.ceil(entries.length / 2);
  return [new Map(entries.slice(0, middle)), new Map(entries.slice(middle))];
}

function rejectAll(batch: ReadonlyMap<string, Waiting>, error: unknown): void {
  for (const { reject } of batch.values()) reject(error);
}

/**
 * Returns the answers of a batch, one per user.
 *
 * @throws LatchkeyUnavailable if the body is not that of a batch: Latchkey did not send it.
 */
function answersOf(
  body: Partial<AnswerOf<'/api/v1/entitlements/batch', 'post'>> | null,
  userIds: readonly string[],
): Answer[] {
  const answers = body?.data;
  if (
    !Array.isArray(answers) ||
    !userIds.every((userId, nth) => answers[nth]?.user_id === userId)
  ) {
    throw new LatchkeyUnavailable(
      'The response to `/entitlements/batch` was not sent by Latchkey.',
    );
  }
  return answers;
}
