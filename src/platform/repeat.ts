/** Runs `work` again and again, `everyMs` after it ended, until stopped; a failure is reported and the next run comes. */
export function repeat(
  everyMs: number,
  work: () => Promise<unknown>,
  onError: (error: unknown) => void,
): { stop(): Promise<void> } {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  let stopped = false;

  function schedule(): void {
    timer = setTimeout(() => {
      running = Promise.resolve()
        .then(work)
        .then(() => undefined, onError)
        .finally(() => {
          if (!stopped) schedule();
        });
    }, everyMs);
  }

  schedule();
  return {
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
