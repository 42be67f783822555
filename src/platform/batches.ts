import { Lanes } from './lanes.ts';

/** Loads what a key stands for, together with what others ask for in the meantime. */
type Batched<Key, Value> = (key: Key) => Promise<Value>;

interface BatchOptions<Key, Value> {
  /** Loads many at once: the values in the order of their keys. */
  load: (keys: Key[]) => Promise<readonly Value[]>;
  /** At most so many keys in one batch. */
  maxSize: number;
  /** The lane a key waits in; batches draw from the lanes round-robin. One lane by default. */
  laneOf?: (key: Key) => string;
  /** Absent = any number of batches at a time, and nothing waits. */
  limit?: BatchLimit;
}

interface BatchLimit {
  /** At most so many batches at a time; what is asked for beyond them waits, and goes together. */
  maxRunning: number;
  /** Milliseconds; what waits so long for its load to begin fails, so that no line grows without end. */
  maxWaitMs: number;
  /** How many keys may wait in a lane; more fail at once. Unlimited by default. */
  maxWaitingPerLane?: number;
}

/** Thrown when a lane is full. */
export class LaneFull extends Error {
  constructor() {
    super('too many wait in this lane');
    this.name = 'LaneFull';
  }
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
