import type { Send } from './http.ts';
import type { Answer, AnswerOf } from './routes.ts';

/** Maximum number of users of one request. */
const batchSize = 100;

interface Waiting {
  promise: Promise<Answer>;
  resolve(answer: Answer): void;
  reject(error: unknown): void;
}

/**
 * Creates a function that loads a user's answer. Calls of one tick share a request, and a user is asked for
 * once at a time.
 */
export function createLoader(send: Send, timeoutMs: number): (userId: string) => Promise<Answer> {
  const running = new Map<string, Promise<Answer>>();
  let next = new Map<string, Waiting>();

  async function loadBatch(batch: Map<string, Waiting>): Promise<void> {
    const userIds = [...batch.keys()];
    try {
      const body = await send<AnswerOf<'/api/v1/entitlements/batch', 'post'>>(
        '/entitlements/batch',
        {
          method: 'POST',
          body: { user_ids: userIds, include: ['reasons'] },
          timeoutMs,
        },
      );
      for (const [nth, waiting] of [...batch.values()].entries()) {
        const answer = body.data[nth];
        if (answer === undefined) waiting.reject(new Error('the service left out a user'));
        else waiting.resolve(answer);
      }
    } catch (error) {
      for (const waiting of batch.values()) waiting.reject(error);
    } finally {
      for (const userId of userIds) running.delete(userId);
    }
  }

  function loadNext(): void {
    const batch = next;
    next = new Map();
    const entries = [...batch];
    for (let from = 0; from < entries.length; from += batchSize) {
      void loadBatch(new Map(entries.slice(from, from + batchSize)));
    }
  }

  return (userId) => {
    const found = running.get(userId);
    if (found !== undefined) return found;
    const waiting = createWaiting();
    if (next.size === 0) setTimeout(loadNext, 0);
    next.set(userId, waiting);
    running.set(userId, waiting.promise);
    return waiting.promise;
  };
}

/** `Promise.withResolvers`, which Node 20 lacks. */
function createWaiting(): Waiting {
  let resolve: Waiting['resolve'] = () => undefined;
  let reject: Waiting['reject'] = () => undefined;
  const promise = new Promise<Answer>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}
