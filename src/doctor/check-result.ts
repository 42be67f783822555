/** The result of checking one dependency of the service. */
export interface Check {
  /** The dependency that was checked, such as `stripe key`. */
  name: string;
  /** `warning`: the dependency works with limitations. `failed`: it does not work. */
  state: 'ok' | 'warning' | 'failed';
  /** What was found, in one sentence. */
  found: string;
  /** How to fix it, if it needs fixing. */
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
