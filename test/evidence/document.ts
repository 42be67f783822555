import { z } from 'zod';
import type { StepOutcome } from './audit.ts';

/* The page that `npm run evidence` writes. Pure. */

export interface StepResult extends StepOutcome {
  /** The command, such as `npm run lint`. */
  command: string;
  seconds: number;
}

const figuresShape = z.object({
  requestsPerSecond: z.number(),
  p50Ms: z.number(),
  p99Ms: z.number(),
  errors: z.number(),
});

/** The result file of the bench. */
export const benchShape = z.object({
  rows: z.array(
    z.object({
      name: z.string(),
      floorName: z.string(),
      service: figuresShape,
      floor: figuresShape,
      ratios: z.object({ throughput: z.number(), p99: z.number() }),
      target: z.number().nullable(),
    }),
  ),
});

export type BenchRow = z.infer<typeof benchShape>['rows'][number];

export interface Evidence {
  /** Epoch milliseconds. */
  startedAt: number;
  commit: string;
  /** Whether files differed from the commit, or changed while the steps ran. */
  changed: boolean;
  machine: { cores: number; model: string; memoryGigabytes: number; loadAverage: number };
  /** The tools, with their versions. */
  versions: readonly (readonly [name: string, version: string])[];
  steps: readonly StepResult[];
  /** Null if the bench did not run, or had no result. */
  bench: readonly BenchRow[] | null;
}

/** Renders the page as Markdown. */
export function evidencePage(evidence: Evidence): string {
  const { startedAt, commit, changed, machine, versions, steps, bench } = evidence;
  const parts = [
    '# Evidence',
    'Written by `npm run evidence`: the steps, the machine, and the results.',
    ...leadParts(steps, bench ?? []),
    tableOf(
      ['', ''],
      [
        ['when', new Date(startedAt).toISOString()],
        ['commit', `\`${commit}\`${changed ? ', with changes that are not in it' : ''}`],
        [
          'machine',
          `${machine.cores} cores (${machine.model}), ${machine.memoryGigabytes.toFixed(1)} GB, load average ${machine.loadAverage.toFixed(1)} at the start`,
        ],
        ...versions.map(([name, version]) => [name, version]),
      ],
    ),
    '## Steps',
    tableOf(
      ['command', 'outcome', 'took', 'counts'],
      steps.map(({ command, outcome, seconds, counts }) => [
        `\`${command}\``,
        outcome === 'passed' ? outcome : `**${outcome}**`,
        tookText(seconds),
        counts,
      ]),
    ),
  ];
  if (bench !== null) parts.push(...benchParts(bench));
  return `${parts.join('\n\n')}\n`;
}

/** Returns the summary. It always names unavailable steps and missed targets. */
function leadParts(steps: readonly StepResult[], bench: readonly BenchRow[]): string[] {
  const failed = steps.filter(({ outcome }) => outcome === 'failed').length;
  const unasked = steps.filter(({ outcome }) => outcome === 'not available');
  const parts: string[] = [];
  if (failed > 0) parts.push(`**${failed} of ${steps.length} steps failed.**`);
  else if (unasked.length === 0) parts.push('Everything passed.');
  else parts.push('Everything that is available passed.');
  for (const { command, counts } of unasked) {
    parts.push(`**\`${command}\` is not available: ${counts}.** This proves nothing.`);
  }
  const missed = bench.filter(
    ({ target, ratios }) => target !== null && ratios.throughput < target,
  );
  if (missed.length > 0) {
    parts.push(`**Below its target: ${missed.map(({ name }) => name).join('; ')}.**`);
  }
  return parts;
}

function benchParts(rows: readonly BenchRow[]): string[] {
  return [
    '## Measurements',
    'Each path beside a floor that does the least possible, in the same run. Only the ratios compare across machines ([performance.md](performance.md)).',
    tableOf(
      ['path', 'req/s', 'p50 ms', 'p99 ms', 'errors', 'ratio', 'target', 'p99 ratio', 'floor'],
      rows.map(({ name, service, floor, floorName, ratios, target }) => [
        name,
        service.requestsPerSecond.toFixed(0),
        service.p50Ms.toFixed(2),
        service.p99Ms.toFixed(2),
        String(service.errors + floor.errors),
        ratios.throughput.toFixed(2),
        target === null ? '' : `≥ ${target.toFixed(2)}`,
        ratios.p99.toFixed(1),
        `${floorName}, ${floor.requestsPerSecond.toFixed(0)} req/s`,
      ]),
    ),
  ];
}

function tookText(seconds: number): string {
  const whole = Math.round(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

function tableOf(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(heads), line(heads.map(() => '---')), ...rows.map(line)].join('\n');
}
