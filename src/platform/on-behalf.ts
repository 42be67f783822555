import { AsyncLocalStorage } from 'node:async_hooks';

const lanes = new AsyncLocalStorage<string>();

/** Runs work on behalf of a project, whose share of what is scarce it then takes. */
export function onBehalfOf<T>(project: string, work: () => T): T {
  return lanes.run(project, work);
}

/** Returns on whose behalf the current work runs; work of no known project shares one lane. */
export function currentLane(): string {
  return lanes.getStore() ?? '';
}
