type Stop = () => Promise<unknown>;

const exitCodes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

export interface SignalOptions {
  /** Called before anything is ended. */
  onSignal?: () => void;
  /** Of a program that has no other way to end; by default the signal's own. */
  exitCode?: number;
}

/** What a program has started, and ends again in the opposite order, whatever becomes of the program. */
export class Started {
  readonly #stops: Stop[] = [];
  #stopping: Promise<void> | undefined;

  /** Notes how something that was just started is ended; where everything is ending already, ends it now. */
  add(stop: Stop): void {
    this.#stops.push(stop);
    if (this.#stopping !== undefined) this.#stopping = this.#stopping.then(() => this.#stopAll());
  }

  /** Whether everything is ending, or has ended. */
  get stopping(): boolean {
    return this.#stopping !== undefined;
  }

  /** Ends everything, the last started first; a failure to end one thing does not keep the others. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stopAll();
    return this.#stopping;
  }

  /** Ends everything, and then the process, on Ctrl-C and its like; a second one ends it at once. */
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
        console.error('Something that was started could not be ended:', error);
      }
    }
  }
}
