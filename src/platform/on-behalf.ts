import { AsyncLocalStorage } from 'node:async_hooks';

const projects = new AsyncLocalStorage<string>();

/** Runs work on behalf of a project. The project is charged for the shared resources that the work uses. */
export function onBehalfOf<T>(project: string, work: () => T): T {
  return projects.run(project, work);
}

/** Returns the project on whose behalf the current work runs; `''` if unknown. */
export function currentProject(): string {
  return projects.getStore() ?? '';
}
