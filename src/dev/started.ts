type Stop = () => Promise<unknown>;

const exitCodes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

export interface SignalOptions {
  /** Called before anything is stopped. */
  onSignal?: () => void;
  /** The exit code of a program that is stopped by a signal; by default that of the signal. */
  exitCode?: number;
}

/** The processes and servers that a program has started. They are stopped in reverse order. */
export class Started {
  readonly #stops: Stop[] = [];
  #stopping: Promise<void> | undefined;

  /** Registers how to stop something that was started. Calls it at once if everything is already stopping. */
  add(stop: Stop): void {
    this.#stops.push(stop);
    if (this.#stopping !== undefined) this.#stopping = this.#stopping.then(() => this.#stopAll());
  }

  /** Returns whether everything is stopping, or has stopped. */
  get stopping(): boolean {
    return this.#stopping !== undefined;
  }

  /** Stops everything, the last started first. A failure does not prevent the other stops. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stopAll();
    return this.#stopping;
  }

  /**
   * Stops everything and exits on Ctrl-C and similar signals. A second signal exits immediately.
   */
  endOnSignal(options: SignalOptions = {}): void {
    for (const [signal, code] of Object.entries(exitCodes)) {
      process.on(signal, () => {
        if (this.#stopping !== undefined) process.exit(code);
        options.onSignal?.();
        void this.stop().finally(() => process.exit(options.exitCode ?? code));
      });
    }
  }

  async #stopAll(): Promise<void> {
    for (let stop = this.#stops.pop(); stop !== undefined; stop = this.#stops.pop()) {
      try {
        await stop();
      } catch (error) {
        console.error('Could not stop a process or server:', error);
      }
    }
  }
}
