import { AsyncLocalStorage } from 'node:async_hooks';

const lanes = new AsyncLocalStorage<string>();

/** Runs work on behalf of a project and charges its share of shared resources. */
export function onBehalfOf<T>(project: string, work: () => T): T {
  return lanes.run(project, work);
}

/** Returns the project that the current work runs for; work without a known project shares one lane. */
export function currentLane(): string {
  return lanes.getStore() ?? '';
}
