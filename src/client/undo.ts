import type { Availability } from './availability.ts';
import { toConsumeBody, type Use } from './core/consumption.ts';
import type { Send } from './http.ts';
import { LatchkeyUnavailable } from './problem.ts';
import type { AnswerOf } from './routes.ts';
import { wait } from './timer.ts';

const firstPauseMs = 1_000;
const maxPauseMs = 60_000;

/** Maximum number of uses to undo. The oldest are dropped. */
const maxUses = 1_000;

export interface Undo {
  add: (use: Use) => void;
  /** Stops. What is not yet undone stays as it is. */
  close: () => void;
}

/**
 * Creates a list of denied uses to take back because they may have been counted: their requests had no response.
 * In the background, it repeats each request with the same key, whose answer names the entry, and reverses that
 * entry. So a use that was not counted is counted and reversed.
 */
export function createUndo(send: Send, availability: Availability, timeoutMs: number): Undo {
  const closed = new AbortController();
  const uses = new Map<string, Use>();
  let isRunning = false;

  async function undo(use: Use): Promise<void> {
    const { idempotencyKey } = use;
    const request = { method: 'POST', timeoutMs } as const;
    const { entry_id: id } = await send<AnswerOf<'/api/v1/usage/consume', 'post'>>(
      '/usage/consume',
      { ...request, body: toConsumeBody(use), idempotencyKey },
    );
    if (id === null) return;
    await send(`/usage/entries/${encodeURIComponent(id)}/reverse`, {
      ...{ ...request, idempotencyKey: `${idempotencyKey}.undo` },
      body: { reason: 'The client denied this use, because it got no response.' },
    });
  }

  async function run(): Promise<void> {
    if (isRunning) return;
    isRunning = true;
    let waitMs = firstPauseMs;
    while (uses.size > 0 && !closed.signal.aborted) {
      await wait(waitMs, closed.signal);
      for (const [key, use] of uses) {
        if (!availability.isUp()) break;
        try {
          await undo(use);
          waitMs = firstPauseMs;
        } catch (error) {
          if (error instanceof LatchkeyUnavailable) {
            waitMs = Math.min(maxPauseMs, waitMs * 2);
            break;
          }
        }
        uses.delete(key);
      }
    }
    isRunning = false;
  }

  return {
    add(use) {
      uses.set(use.idempotencyKey, use);
      const [oldest] = uses.keys();
      if (uses.size > maxUses && oldest !== undefined) uses.delete(oldest);
      void run();
    },
    close() {
      closed.abort();
    },
  };
}
