import { textTable } from '../helpers/text-table.ts';
import type { Seen } from './quiet.ts';
import type { NoiseCount } from './stage.ts';

/** Maximum growth of the p99 of cached reads under the noise. */
const slowerAtMost = 3;

/** Maximum time from a payment to its access, milliseconds. */
const accessWithinMs = 2_000;

/** Returns the results of a run as text, and where the isolation between projects failed. Pure. */
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
    ...(noisy.strong > 0 && noisy.accessMs.length > 0 ? [] : ['nothing was measured']),
    ...noise.filter(({ taken }) => taken === 0).map(({ kind }) => `none of the ${kind} succeeded`),
    ...noise.filter((each) => each.failed > 0).map((each) => `${each.failed} ${each.kind} failed`),
  ];
  const text = [
    '',
    textTable([
      ['the quiet project', 'alone', 'under noise'],
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
    textTable([
      ['the noisy project', 'taken', 'refused', 'failed'],
      ...noise.map((each) => [
        each.kind,
        ...[each.taken, each.refused, each.failed].map((count) => String(count)),
      ]),
    ]),
    '',
    ...(faults.length === 0 ? ['The isolation holds.'] : ['THE ISOLATION FAILS:', ...faults]),
  ].join('\n');
  return { text, faults };
}

/** @param sorted ascending. */
function percentile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? NaN;
}
