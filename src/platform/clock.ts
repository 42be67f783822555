/** The single source of the current instant, epoch milliseconds. Injected, so that tests can set it. */
export type Clock = () => number;

export const systemClock: Clock = () => Date.now();
