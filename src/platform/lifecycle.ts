/** Whether this process is to be sent further requests. */
export interface Lifecycle {
  readonly isStopping: boolean;
  /** From now on it says that it stops; what comes all the same is still answered. */
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
