import type { Judged } from './outcome.ts';

/* The page that `npm run evidence` writes; pure. */

export interface StepResult extends Judged {
  /** What was run, such as `npm run lint`. */
  command: string;
  seconds: number;
}

/** One row of the bench's results. */
export interface BenchRow {
  name: string;
  floorName: string;
  service: BenchFigures;
  floor: BenchFigures;
  ratios: { throughput: number; p99: number };
  target: number | null;
}

interface BenchFigures {
  requestsPerSecond: number;
  p50Ms: number;
  p99Ms: number;
  errors: number;
}

export interface Evidence {
  /** Epoch milliseconds. */
  startedAt: number;
  commit: string;
  /** Whether files differed from the commit, or came to while the steps ran. */
  changed: boolean;
  machine: { cores: number; model: string; memoryGigabytes: number; loadAverage: number };
  /** What was used, and in which version. */
  versions: readonly (readonly [name: string, version: string])[];
  steps: readonly StepResult[];
  /** Null where the bench was not run, or came to nothing. */
  bench: readonly BenchRow[] | null;
}

/** The page, as Markdown. */
export function evidencePage(evidence: Evidence): string {
  const { startedAt, commit, changed, machine, versions, steps, bench } = evidence;
  const parts = [
    '# Evidence',
    'Written by `npm run evidence`: what was run, on what, and what came of it.',
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
    '## What was run',
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

/** The whole in a sentence or a few; what was not asked, and what was missed, never goes under in it. */
function leadParts(steps: readonly StepResult[], bench: readonly BenchRow[]): string[] {
  const failed = steps.filter(({ outcome }) => outcome === 'failed').length;
  const unasked = steps.filter(({ outcome }) => outcome === 'not available');
  const parts: string[] = [];
  if (failed > 0) parts.push(`**${failed} of ${steps.length} steps failed.**`);
  else if (unasked.length === 0) parts.push('Everything passed.');
  else parts.push('Everything passed that could be asked.');
  for (const { command, counts } of unasked) {
    parts.push(`**\`${command}\` could not be asked: ${counts}.** Nothing follows from that.`);
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
    '## What it measured',
    'Each path beside a floor that does the least that could be done, in the same run. Only the ratios mean anything elsewhere ([performance.md](performance.md)).',
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
