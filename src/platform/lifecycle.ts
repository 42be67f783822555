export interface Lifecycle {
  readonly isStopping: boolean;
  /** Makes the readiness check fail. Requests that still arrive are handled. */
  beginStop(): void;
  /** Calls `listener` when the process begins to stop. */
  onStop(listener: () => void): void;
}

export function createLifecycle(): Lifecycle {
  const stopping = new AbortController();
  return {
    get isStopping() {
      return stopping.signal.aborted;
    },
    beginStop() {
      stopping.abort();
    },
    onStop(listener) {
      stopping.signal.addEventListener('abort', listener);
    },
  };
}
