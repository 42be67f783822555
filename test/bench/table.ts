import type { Measured } from './load.ts';

/** One path and its floor: the median round of each, and the medians of the pairs' ratios. */
export interface Row {
  id: string;
  name: string;
  floorName: string;
  service: Measured;
  floor: Measured;
  ratios: Ratios;
  target: number | null;
}

/** The service's figures divided by its floor's. */
interface Ratios {
  throughput: number;
  p99: number;
  cpu: number | null;
}

/** Returns the rows for people. */
export function print(rows: readonly Row[]): void {
  const heads = ['path', 'req/s', 'p50 ms', 'p99 ms', 'CPU µs', 'errors'];
  const ratioHeads = ['ratio', 'target', 'p99', 'CPU'];
  const widths = [24, 8, 8, 8, 8, 8, 8, 8, 6, 6];
  const line = (cells: string[]) =>
    cells
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('');
  console.log(`\n${line([...heads, ...ratioHeads])}   floor (req/s, p50 ms, p99 ms, CPU µs)`);
  for (const { name, target, service, floorName, floor, ratios } of rows) {
    const figures = line([
      name,
      service.requestsPerSecond.toFixed(0),
      service.p50Ms.toFixed(2),
      service.p99Ms.toFixed(2),
      service.cpuMicrosecondsPerRequest?.toFixed(0) ?? '-',
      String(service.errors + floor.errors),
      ratios.throughput.toFixed(2),
      target === null ? '-' : `>= ${target.toFixed(2)}`,
      ratios.p99.toFixed(1),
      ratios.cpu?.toFixed(1) ?? '-',
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
