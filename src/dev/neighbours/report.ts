import type { Seen } from './quiet.ts';
import type { NoiseCount } from './stage.ts';

/** How much slower the cached reads of the 99th percentile may be beside the noise. */
const slowerAtMost = 3;

/** Within which time after a payment its access is there, milliseconds. */
const accessWithinMs = 2_000;

/** Returns what a run came to, for people, and what leaked through the walls between projects; pure. */
export function report(
  quiet: Seen,
  noisy: Seen,
  noise: readonly NoiseCount[],
): { text: string; faults: string[] } {
  const p99 = { quiet: percentile(quiet.cachedMs, 0.99), noisy: percentile(noisy.cachedMs, 0.99) };
  const ratio = p99.noisy / p99.quiet;
  const slowest = Math.max(0, ...noisy.accessMs);
  const failed = noisy.cachedFailed + noisy.strongFailed;
  const faults = [
    ...(ratio <= slowerAtMost ? [] : [`cached reads: p99 is ${ratio.toFixed(1)} × quiet`]),
    ...(failed === 0 ? [] : [`${failed} reads of the quiet project were not answered`]),
    ...(slowest <= accessWithinMs
      ? []
      : [`a purchase gave access after ${(slowest / 1_000).toFixed(1)} s`]),
    ...(noisy.strong > 0 && noisy.accessMs.length > 0 ? [] : ['the run shows nothing']),
    ...noise
      .filter(({ taken }) => taken === 0)
      .map(({ kind }) => `the noise made nothing of its ${kind}`),
    ...noise.filter((each) => each.failed > 0).map((each) => `${each.failed} ${each.kind} failed`),
  ];
  const text = [
    '',
    table([
      ['the quiet project', 'alone', 'beside the noise'],
      ['cached reads', String(quiet.cachedMs.length), String(noisy.cachedMs.length)],
      ...([0.5, 0.9, 0.99] as const).map((part) => [
        `  p${part * 100}, ms`,
        percentile(quiet.cachedMs, part).toFixed(1),
        percentile(noisy.cachedMs, part).toFixed(1),
      ]),
      ['strong reads', String(quiet.strong), String(noisy.strong)],
      ['  not answered', String(quiet.strongFailed), String(noisy.strongFailed)],
      ['purchases', String(quiet.accessMs.length), String(noisy.accessMs.length)],
      [
        '  slowest to give access, s',
        (Math.max(0, ...quiet.accessMs) / 1_000).toFixed(2),
        (slowest / 1_000).toFixed(2),
      ],
    ]),
    '',
    table([
      ['the noisy project', 'taken', 'refused', 'failed'],
      ...noise.map((each) => [
        each.kind,
        ...[each.taken, each.refused, each.failed].map((count) => String(count)),
      ]),
    ]),
    '',
    ...(faults.length === 0 ? ['The walls hold.'] : ['THE WALLS LEAK:', ...faults]),
  ].join('\n');
  return { text, faults };
}

/** @param sorted ascending. */
function percentile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? NaN;
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows
    .map((row) =>
      row
        .map((cell, column) =>
          column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
        )
        .join('  '),
    )
    .join('\n');
}
