import { FairQueue } from './fair-queue.ts';

/** Loads the value of a key, batched with concurrent calls. */
type Batched<Key, Value> = (key: Key) => Promise<Value>;

interface BatchOptions<Key, Value> {
  /** Loads a batch. Returns the values in the order of their keys. */
  load: (keys: Key[]) => Promise<readonly Value[]>;
  /** Maximum number of keys in a batch. */
  maxSize: number;
  /**
   * Returns the tenant of a key. Keys are drawn round-robin by tenant. By default, all keys share one tenant.
   */
  tenantOf?: (key: Key) => string;
  /** If absent, the number of concurrent batches is unlimited and no key waits. */
  limit?: BatchLimit;
}

interface BatchLimit {
  /** Maximum number of concurrent batches. Additional keys wait and share the next batch. */
  maxRunning: number;
  /**
   * Maximum time that a key waits for its batch, milliseconds. After that the key fails, so that no queue
   * grows without bound.
   */
  maxWaitMs: number;
  /** Maximum number of queued keys per tenant. Further keys fail immediately. Unlimited by default. */
  maxWaitingPerTenant?: number;
}

/** Thrown if a tenant's queue is full. */
export class QueueFull extends Error {
  constructor() {
    super('the queue of the tenant is full');
    this.name = 'QueueFull';
  }
}

interface Waiting<Key, Value> {
  key: Key;
  resolve: (value: Value) => void;
  reject: (error: unknown) => void;
  /** Makes the key fail if its batch does not begin in time. */
  timer: NodeJS.Timeout | undefined;
}

/**
 * Creates a function that combines single loads into batches without a delay: a batch begins once pending
 * input has been read, or when a running batch ends. **A load begins after all of its keys were requested.**
 * If a batch fails, each of its keys fails. A key that waits too long fails with the code `ETIMEDOUT`.
 */
export function createBatches<Key, Value>(options: BatchOptions<Key, Value>): Batched<Key, Value> {
  const { load, maxSize, tenantOf = () => '', limit } = options;
  const { maxRunning = Infinity, maxWaitingPerTenant = Infinity } = limit ?? {};
  const waiting = new FairQueue<Waiting<Key, Value>>();
  let running = 0;
  let isDue = false;

  function begin(): void {
    isDue = false;
    while (waiting.size > 0 && running < maxRunning) {
      running += 1;
      void run(drawBatch());
    }
  }

  function drawBatch(): Waiting<Key, Value>[] {
    const batch: Waiting<Key, Value>[] = [];
    while (batch.length < maxSize) {
      const next = waiting.draw();
      if (next === undefined) break;
      clearTimeout(next.timer);
      batch.push(next);
    }
    return batch;
  }

  async function run(batch: Waiting<Key, Value>[]): Promise<void> {
    try {
      const values = await load(batch.map(({ key }) => key));
      if (values.length !== batch.length) {
        throw new Error(`load returned ${values.length} values for ${batch.length} keys`);
      }
      values.forEach((value, at) => batch[at]?.resolve(value));
    } catch (error) {
      for (const { reject } of batch) reject(error);
    } finally {
      running -= 1;
      begin();
    }
  }

  /** Limits how long the key waits, because no other batch begins while all running batches hang. */
  function startTimer(tenant: string, item: Waiting<Key, Value>, { maxWaitMs }: BatchLimit): void {
    item.timer = setTimeout(() => {
      waiting.delete(tenant, item);
      const error = new Error(`no load began within ${maxWaitMs} ms`);
      item.reject(Object.assign(error, { code: 'ETIMEDOUT' }));
    }, maxWaitMs);
  }

  return (key) =>
    new Promise((resolve, reject) => {
      const tenant = tenantOf(key);
      if (waiting.sizeOf(tenant) >= maxWaitingPerTenant) {
        reject(new QueueFull());
        return;
      }
      const item: Waiting<Key, Value> = { key, resolve, reject, timer: undefined };
      waiting.add(tenant, item);
      if (limit !== undefined) startTimer(tenant, item, limit);
      if (isDue || running >= maxRunning) return;
      isDue = true;
      setImmediate(begin);
    });
}
