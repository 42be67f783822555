/** The result of checking one dependency of the service. */
export interface Check {
  /** The checked dependency, such as `stripe key`. */
  name: string;
  /** `warning`: the dependency works with limits. `failed`: it does not work. */
  state: 'ok' | 'warning' | 'failed';
  /** The finding, in one line. */
  found: string;
  /** The remedy, if there is one. */
  remedy?: string;
}

export function ok(name: string, found: string): Check {
  return { name, state: 'ok', found };
}

export function warning(name: string, found: string, remedy: string): Check {
  return { name, state: 'warning', found, remedy };
}

export function failed(name: string, found: string, remedy: string): Check {
  return { name, state: 'failed', found, remedy };
}
