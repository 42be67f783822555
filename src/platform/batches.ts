/** Loads what a key stands for, together with what others ask for in the meantime. */
type Batched<Key, Value> = (key: Key) => Promise<Value>;

interface BatchOptions<Key, Value> {
  /** Loads many at once: the values in the order of their keys. */
  load: (keys: Key[]) => Promise<readonly Value[]>;
  /** At most so many keys in one batch. */
  maxSize: number;
  /** Absent = any number of batches at a time, and nothing waits. */
  limit?: BatchLimit;
}

interface BatchLimit {
  /** At most so many batches at a time; what is asked for beyond them waits, and goes together. */
  maxRunning: number;
  /** Milliseconds; what waits so long for its load to begin fails, so that no line grows without end. */
  maxWaitMs: number;
}

interface Waiting<Key, Value> {
  key: Key;
  resolve: (value: Value) => void;
  reject: (error: unknown) => void;
  /** Ends the wait for the load to begin. */
  timer: NodeJS.Timeout | undefined;
}

/**
 * Turns questions for one thing each into a few for many, without making any of them wait for others
 * that might come: a batch begins when the input that is there has been read, or when one before it ends.
 * **A load begins after everything in it was asked for.** A batch that fails, fails for all in it; what
 * waits too long for one to begin fails with the code `ETIMEDOUT`.
 */
export function createBatches<Key, Value>(options: BatchOptions<Key, Value>): Batched<Key, Value> {
  const { load, maxSize, limit } = options;
  const maxRunning = limit?.maxRunning ?? Infinity;
  /** In the order in which they came. */
  const waiting = new Set<Waiting<Key, Value>>();
  let running = 0;
  let isDue = false;

  function begin(): void {
    isDue = false;
    while (waiting.size > 0 && running < maxRunning) {
      const batch = [...waiting.values().take(maxSize)];
      for (const asked of batch) {
        waiting.delete(asked);
        clearTimeout(asked.timer);
      }
      running += 1;
      void run(batch);
    }
  }

  async function run(batch: Waiting<Key, Value>[]): Promise<void> {
    try {
      const values = await load(batch.map(({ key }) => key));
      if (values.length !== batch.length) {
        throw new Error(`asked for ${batch.length}, got ${values.length}`);
      }
      values.forEach((value, at) => batch[at]?.resolve(value));
    } catch (error) {
      for (const { reject } of batch) reject(error);
    } finally {
      running -= 1;
      begin();
    }
  }

  /** Where every batch that runs hangs, none would ever begin. */
  function endWaitOf(asked: Waiting<Key, Value>, { maxWaitMs }: BatchLimit): void {
    asked.timer = setTimeout(() => {
      waiting.delete(asked);
      const error = new Error(`no load began within ${maxWaitMs} ms`);
      asked.reject(Object.assign(error, { code: 'ETIMEDOUT' }));
    }, maxWaitMs);
  }

  return (key) =>
    new Promise((resolve, reject) => {
      const asked: Waiting<Key, Value> = { key, resolve, reject, timer: undefined };
      waiting.add(asked);
      if (limit !== undefined) endWaitOf(asked, limit);
      if (isDue || running >= maxRunning) return;
      isDue = true;
      setImmediate(begin);
    });
}
