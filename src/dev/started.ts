type Stop = () => Promise<unknown>;

const exitCodes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

export interface SignalOptions {
  /** Called before anything is stopped. */
  onSignal?: () => void;
  /** The exit code of a program that is stopped by a signal; by default that of the signal. */
  exitCode?: number;
}

/** Everything that a program has started, to be stopped in reverse order, however the program ends. */
export class Started {
  readonly #stops: Stop[] = [];
  #stopping: Promise<void> | undefined;

  /**
   * Registers how to stop something that was just started. Stops it immediately if everything is already
   * stopping.
   */
  add(stop: Stop): void {
    this.#stops.push(stop);
    if (this.#stopping !== undefined) this.#stopping = this.#stopping.then(() => this.#stopAll());
  }

  /** Whether everything is stopping, or has stopped. */
  get stopping(): boolean {
    return this.#stopping !== undefined;
  }

  /** Stops everything, the last started first. A failure to stop one thing does not prevent the others. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stopAll();
    return this.#stopping;
  }

  /**
   * Stops everything, and then the process, on Ctrl-C and similar signals. A second signal ends it
   * immediately.
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
