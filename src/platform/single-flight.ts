/** Loads the value of a key. Concurrent callers share a load. */
type SingleFlight<Value> = (key: string, load: () => Promise<Value>) => Promise<Value>;

interface Slot<Value> {
  running: Promise<Value>;
  /** The next load, which begins when `running` has ended; null if no caller is waiting. */
  next: Promise<Value> | null;
}

/**
 * Creates a single-flight loader that never returns a value older than the call: a caller only shares a load
 * that has not begun. So at most one load per key runs and one waits. If a load fails, it rejects for all of
 * its callers.
 */
export function createSingleFlight<Value>(): SingleFlight<Value> {
  const slots = new Map<string, Slot<Value>>();

  function start(key: string, load: () => Promise<Value>): Promise<Value> {
    const slot: Slot<Value> = { running: load(), next: null };
    slots.set(key, slot);
    const end = () => {
      // If a caller is waiting, its load replaces this slot when it starts.
      if (slot.next === null) slots.delete(key);
    };
    slot.running.then(end, end);
    return slot.running;
  }

  return (key, load) => {
    const slot = slots.get(key);
    if (slot === undefined) return start(key, load);
    const begin = () => start(key, load);
    slot.next ??= slot.running.then(begin, begin);
    return slot.next;
  };
}
