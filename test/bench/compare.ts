import { type LoadOptions, measure, type Measured } from './load.ts';
import type { Comparison } from './comparison.ts';
import type { Row } from './table.ts';

export interface CompareOptions extends Pick<LoadOptions, 'connections' | 'seconds'> {
  /** The number of pairs of rounds. */
  rounds: number;
}

/**
 * Measures a path and its floor in pairs of rounds. The floor is first in every other pair, so that neither
 * gains from what the other leaves behind.
 */
export async function compare(comparison: Comparison, load: CompareOptions): Promise<Row> {
  const { connections, rounds, seconds } = load;
  const { service, floor, prepare } = comparison;
  await prepare?.();
  // Warm-up (compiling, connecting) is not measured.
  for (const load of [floor, service]) await measure(load, { connections, seconds: 3 });
  const measured: { service: Measured[]; floor: Measured[] } = { service: [], floor: [] };
  for (let round = 1; round <= rounds; round += 1) {
    process.stderr.write(`  ${comparison.name}: round ${round} of ${rounds}\n`);
    const pair =
      round % 2 === 1 ? (['floor', 'service'] as const) : (['service', 'floor'] as const);
    for (const side of pair) {
      measured[side].push(await measure(comparison[side], { connections, seconds }));
    }
  }
  const { id, name, target, floorName } = comparison;
  return {
    ...{ id, name, target, floorName },
    service: middle(measured.service),
    floor: middle(measured.floor),
    ratios: {
      throughput: median(quotients(measured, ({ requestsPerSecond }) => requestsPerSecond)) ?? NaN,
      p99: median(quotients(measured, ({ p99Ms }) => p99Ms)) ?? NaN,
      cpu: median(quotients(measured, ({ cpuMicrosecondsPerRequest: cpu }) => cpu)) ?? null,
    },
  };
}

/** Returns the round with the median throughput, with the errors of all. */
function middle(measured: Measured[]): Measured {
  const sorted = measured.toSorted((a, b) => a.requestsPerSecond - b.requestsPerSecond);
  const found = sorted[Math.floor(sorted.length / 2)];
  if (found === undefined) throw new Error('nothing was measured');
  return { ...found, errors: measured.reduce((sum, { errors }) => sum + errors, 0) };
}

/**
 * Divides the service's figure by that of the floor, for each pair of rounds: other load affects both alike.
 */
function quotients(
  { service, floor }: { service: Measured[]; floor: Measured[] },
  figure: (measured: Measured) => number | null,
): number[] {
  return service.flatMap((measured, round) => {
    const beside = floor[round];
    const [own, least] = [figure(measured), beside === undefined ? null : figure(beside)];
    return own === null || least === null ? [] : [own / least];
  });
}

function median(numbers: number[]): number | undefined {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
}
