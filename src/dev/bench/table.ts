import type { Measured } from './load.ts';

/** One path beside its floor, the median round of each. */
export interface Row {
  id: string;
  name: string;
  target: number | null;
  service: Measured;
  floorName: string;
  floor: Measured;
}

/** The rows for people: the service's figures, and each divided by its floor's. */
export function print(rows: readonly Row[]): void {
  const heads = ['path', 'req/s', 'p50 ms', 'p99 ms', 'CPU µs', 'errors'];
  const ratios = ['ratio', 'target', 'p99', 'CPU'];
  const widths = [24, 8, 8, 8, 8, 8, 8, 8, 6, 6];
  const line = (cells: string[]) =>
    cells
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('');
  console.log(`\n${line([...heads, ...ratios])}   floor (req/s, p50 ms, p99 ms, CPU µs)`);
  for (const { name, target, service, floorName, floor } of rows) {
    const figures = line([
      name,
      service.requestsPerSecond.toFixed(0),
      service.p50Ms.toFixed(2),
      service.p99Ms.toFixed(2),
      service.cpuMicrosecondsPerRequest?.toFixed(0) ?? '-',
      String(service.errors + floor.errors),
      (service.requestsPerSecond / floor.requestsPerSecond).toFixed(2),
      target === null ? '-' : `>= ${target.toFixed(2)}`,
      (service.p99Ms / floor.p99Ms).toFixed(1),
      service.cpuMicrosecondsPerRequest === null || floor.cpuMicrosecondsPerRequest === null
        ? '-'
        : (service.cpuMicrosecondsPerRequest / floor.cpuMicrosecondsPerRequest).toFixed(1),
    ]);
    const beside = [
      floor.requestsPerSecond.toFixed(0),
      floor.p50Ms.toFixed(2),
      floor.p99Ms.toFixed(2),
      floor.cpuMicrosecondsPerRequest?.toFixed(0) ?? '-',
    ];
    console.log(`${figures}   ${floorName} (${beside.join(', ')})`);
  }
}
