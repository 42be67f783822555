import { Lanes } from './lanes.ts';

/** Loads the value of a key, batched with concurrent calls. */
type Batched<Key, Value> = (key: Key) => Promise<Value>;

interface BatchOptions<Key, Value> {
  /** Loads a batch: the values in the order of their keys. */
  load: (keys: Key[]) => Promise<readonly Value[]>;
  /** Maximum number of keys in a batch. */
  maxSize: number;
  /** The lane in which a key waits; batches draw from the lanes round-robin. One lane by default. */
  laneOf?: (key: Key) => string;
  /** Absent: batches are not limited, and no key waits. */
  limit?: BatchLimit;
}

interface BatchLimit {
  /** Maximum number of concurrent batches. Further keys wait and share the next batch. */
  maxRunning: number;
  /**
   * Maximum wait of a key for its batch, milliseconds. The key then fails, so that no lane grows without
   * bound.
   */
  maxWaitMs: number;
  /** Maximum number of keys that wait in a lane; further ones fail immediately. Unlimited by default. */
  maxWaitingPerLane?: number;
}

/** Thrown when a lane is full. */
export class LaneFull extends Error {
  constructor() {
    super('the lane is full');
    this.name = 'LaneFull';
  }
}

interface Waiting<Key, Value> {
  key: Key;
  resolve: (value: Value) => void;
  reject: (error: unknown) => void;
  /** Fails the key if its batch does not begin in time. */
  timer: NodeJS.Timeout | undefined;
}

/**
 * Creates a function that batches single loads without delaying them for calls that might come: a batch
 * begins when pending input has been read, or when a running batch ends. **A load begins after all of its
 * keys were requested.** If a batch fails, each of its keys fails. A key that waits too long fails with the
 * code `ETIMEDOUT`.
 */
export function createBatches<Key, Value>(options: BatchOptions<Key, Value>): Batched<Key, Value> {
  const { load, maxSize, laneOf = () => '', limit } = options;
  const { maxRunning = Infinity, maxWaitingPerLane = Infinity } = limit ?? {};
  const waiting = new Lanes<Waiting<Key, Value>>();
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
      const asked = waiting.draw();
      if (asked === undefined) break;
      clearTimeout(asked.timer);
      batch.push(asked);
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

  /**
   * Fails the key if its batch does not begin in time: if all running batches hang, none would ever begin.
   */
  function endWaitOf(lane: string, asked: Waiting<Key, Value>, { maxWaitMs }: BatchLimit): void {
    asked.timer = setTimeout(() => {
      waiting.delete(lane, asked);
      const error = new Error(`no load began within ${maxWaitMs} ms`);
      asked.reject(Object.assign(error, { code: 'ETIMEDOUT' }));
    }, maxWaitMs);
  }

  return (key) =>
    new Promise((resolve, reject) => {
      const lane = laneOf(key);
      if (waiting.sizeOf(lane) >= maxWaitingPerLane) {
        reject(new LaneFull());
        return;
      }
      const asked: Waiting<Key, Value> = { key, resolve, reject, timer: undefined };
      waiting.add(lane, asked);
      if (limit !== undefined) endWaitOf(lane, asked, limit);
      if (isDue || running >= maxRunning) return;
      isDue = true;
      setImmediate(begin);
    });
}
