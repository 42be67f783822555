type Stop = () => Promise<unknown>;

const exitCodes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

export interface SignalOptions {
  /** Called before anything is stopped. */
  onSignal?: () => void;
  /** The exit code after a signal. Defaults to the signal's own. */
  exitCode?: number;
}

/** The processes and servers that a program has started. They are stopped in reverse order. */
export class Started {
  readonly #stops: Stop[] = [];
  #stopping: Promise<void> | undefined;

  /** Registers a function that stops something. If `stop` was called before, this function is called too. */
  add(stop: Stop): void {
    this.#stops.push(stop);
    if (this.#stopping !== undefined) this.#stopping = this.#stopping.then(() => this.#stopAll());
  }

  /** Returns whether everything is stopping, or has stopped. */
  get stopping(): boolean {
    return this.#stopping !== undefined;
  }

  /** Stops everything in reverse order. If one stop fails, the others still run. */
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
