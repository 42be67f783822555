/** Lets the process end while a timer waits, where the runtime has processes. */
export function unref(timer: ReturnType<typeof setTimeout>): void {
  if (typeof timer === 'object' && 'unref' in timer) timer.unref();
}

/** Resolves after a time, or once the signal aborts. */
export function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    unref(timer);
    if (signal.aborted) end();
    else signal.addEventListener('abort', end);
  });
}
