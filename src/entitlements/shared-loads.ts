/** Loads what a key stands for, together with others who want the same. */
type SharedLoads<Value> = (key: string, load: () => Promise<Value>) => Promise<Value>;

interface Slot<Value> {
  running: Promise<Value>;
  /** Begins when `running` has ended; null where nobody waits for it. */
  next: Promise<Value> | null;
}

/**
 * Lets those who want the same at the same time share one load, without ever giving one of them what is
 * older than the question: **one shares a load only if it had not begun when one came.** So of each key
 * at most one load runs and one waits. A load that fails, fails for those who share it.
 */
export function createSharedLoads<Value>(): SharedLoads<Value> {
  const slots = new Map<string, Slot<Value>>();

  function start(key: string, load: () => Promise<Value>): Promise<Value> {
    const slot: Slot<Value> = { running: load(), next: null };
    slots.set(key, slot);
    const end = () => {
      // Where somebody waits, the slot is theirs in a moment.
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
