import { AsyncLocalStorage } from 'node:async_hooks';

const projects = new AsyncLocalStorage<string>();

/** Runs work on behalf of a project, which is charged for the shared resources that the work uses. */
export function onBehalfOf<T>(project: string, work: () => T): T {
  return projects.run(project, work);
}

/** Returns the project that the current work runs for; `''` if it is not known. */
export function currentProject(): string {
  return projects.getStore() ?? '';
}
