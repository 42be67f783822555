/** What one look at the surroundings of the service found. */
export interface Check {
  /** What was looked at: `database`, `stripe key`. */
  name: string;
  /** `warning`: it runs, but not as it should. `failed`: it does not work. */
  state: 'ok' | 'warning' | 'failed';
  /** What was found, in a line. */
  found: string;
  /** What to do about it; only where there is something to do. */
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
