/** Loads what a key stands for, together with what others ask for in the meantime. */
type Batched<Key, Value> = (key: Key) => Promise<Value>;

interface BatchOptions<Key, Value> {
  /** Loads many at once: the values in the order of their keys. */
  load: (keys: Key[]) => Promise<readonly Value[]>;
  /** At most so many keys in one batch. */
  maxSize: number;
  /** At most so many batches at a time; what is asked for beyond them waits, and goes together. */
  maxRunning: number;
}

interface Waiting<Key, Value> {
  key: Key;
  resolve: (value: Value) => void;
  reject: (error: unknown) => void;
}

/**
 * Turns questions for one thing each into a few for many, without making any of them wait for others
 * that might come: a batch begins when the input that is there has been read, or when one before it ends.
 * **A load begins after everything in it was asked for.** A batch that fails, fails for all in it.
 */
export function createBatches<Key, Value>(options: BatchOptions<Key, Value>): Batched<Key, Value> {
  const { load, maxSize, maxRunning } = options;
  let waiting: Waiting<Key, Value>[] = [];
  let running = 0;
  let isDue = false;

  function begin(): void {
    isDue = false;
    while (waiting.length > 0 && running < maxRunning) {
      const batch = waiting.slice(0, maxSize);
      waiting = waiting.slice(maxSize);
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

  return (key) =>
    new Promise((resolve, reject) => {
      waiting.push({ key, resolve, reject });
      if (isDue || running >= maxRunning) return;
      isDue = true;
      setImmediate(begin);
    });
}
