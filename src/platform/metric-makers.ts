import { Counter, Gauge, type Registry } from 'prom-client';

/** Returns functions that create metrics in a registry. */
export function makersOf(registry: Registry) {
  const registers = [registry];

  function gauge<Label extends string = never>(
    name: string,
    help: string,
    labelNames: Label[] = [],
  ): Gauge<Label> {
    return new Gauge({ name, help, labelNames, registers });
  }

  /**
   * Creates a counter. The time series for the given label values start at 0, because `increase()` does not
   * see the first value of a new time series.
   */
  function counter<Label extends string = never>(
    name: string,
    help: string,
    labelNames: Label[] = [],
    values: readonly string[] = [],
  ): Counter<Label> {
    const created = new Counter({ name, help, labelNames, registers });
    for (const value of values) created.labels(value).inc(0);
    return created;
  }

  return { counter, gauge };
}
