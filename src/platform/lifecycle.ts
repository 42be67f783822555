/** Whether this process should receive further requests. */
export interface Lifecycle {
  readonly isStopping: boolean;
  /**
   * Makes the readiness check report that the process is stopping. Requests that still arrive are answered.
   */
  beginStop(): void;
}

export function createLifecycle(): Lifecycle {
  let isStopping = false;
  return {
    get isStopping() {
      return isStopping;
    },
    beginStop() {
      isStopping = true;
    },
  };
}
