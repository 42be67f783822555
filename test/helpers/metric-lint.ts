import { spawnSync } from 'node:child_process';

/** Units with a base unit, by that. */
const baseUnits: Record<string, readonly string[]> = {
  seconds: ['milliseconds', 'microseconds', 'nanoseconds', 'minutes', 'hours', 'days', 'weeks'],
  bytes: ['kilobytes', 'megabytes', 'gigabytes', 'terabytes', 'kibibytes', 'mebibytes', 'bits'],
  meters: ['kilometers', 'millimeters', 'inches', 'yards', 'miles'],
  grams: ['kilograms', 'ounces', 'pounds'],
  kelvins: ['fahrenheit'],
};

const abbreviated = [
  's',
  'ms',
  'us',
  'ns',
  'sec',
  'b',
  'kb',
  'mb',
  'gb',
  'tb',
  'pb',
  'm',
  'h',
  'd',
];

const types = ['counter', 'gauge', 'histogram', 'summary', 'untyped'];

const camelCase = /[a-z][A-Z]/;

interface Family {
  name: string;
  type: string;
  help: string;
  labels: Set<string>;
}

/**
 * Returns the findings of `promtool check metrics` for metrics in Prometheus's text format, in its words and
 * sorted.
 */
export function metricFaults(text: string): string[] {
  return familiesOf(text).flatMap(faultsOf).sort();
}

/** Returns the findings of `promtool check metrics` itself, sorted; null if it is not on the PATH. */
export function promtoolFaults(text: string): string[] | null {
  const { error, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
    input: text,
    encoding: 'utf8',
  });
  if (error !== undefined) return null;
  return `${stdout}${stderr}`.split('\n').filter(Boolean).sort();
}

function familiesOf(text: string): Family[] {
  const families: Family[] = [];
  const help = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, kind, about = '', rest = ''] = /^# (HELP|TYPE) (\S+) ?(.*)$/.exec(line) ?? [];
    if (kind === 'HELP') help.set(about, rest);
    if (kind === 'TYPE') {
      const labels = new Set<string>();
      families.push({ name: about, type: rest, help: help.get(about) ?? '', labels });
    }
    const [, labels] = /^[^#]\S*?\{(.*)\} \S+$/.exec(line) ?? [];
    for (const [, label = ''] of (labels ?? '').matchAll(/(\w+)="(?:[^"\\]|\\.)*"/g)) {
      families.at(-1)?.labels.add(label);
    }
  }
  return families;
}

function faultsOf({ name, type, help, labels }: Family): string[] {
  const words = name.split('_');
  const unit = words.find((word) => Object.values(baseUnits).some((list) => list.includes(word)));
  const base = Object.entries(baseUnits).find(([, list]) => list.includes(unit ?? ''))?.[0];
  const isOf = (...kinds: string[]): boolean => kinds.includes(type);
  const faults: [boolean, string][] = [
    [help === '', 'no help text'],
    [isOf('counter') && !name.endsWith('_total'), 'counter metrics should have "_total" suffix'],
    [
      !isOf('counter') && name.endsWith('_total'),
      'non-counter metrics should not have "_total" suffix',
    ],
    [
      !isOf('histogram', 'summary') && name.endsWith('_count'),
      'non-histogram and non-summary metrics should not have "_count" suffix',
    ],
    [
      !isOf('histogram', 'summary') && name.endsWith('_sum'),
      'non-histogram and non-summary metrics should not have "_sum" suffix',
    ],
    [
      !isOf('histogram') && name.endsWith('_bucket'),
      'non-histogram metrics should not have "_bucket" suffix',
    ],
    [!isOf('histogram') && labels.has('le'), 'non-histogram metrics should not have "le" label'],
    [
      !isOf('summary') && labels.has('quantile'),
      'non-summary metrics should not have "quantile" label',
    ],
    [base !== undefined, `use base unit "${base}" instead of "${unit}"`],
    [
      words.slice(1).some((word) => abbreviated.includes(word.toLowerCase())),
      'metric names should not contain abbreviated units',
    ],
    [name.includes(':'), "metric names should not contain ':'"],
    [camelCase.test(name), "metric names should be written in 'snake_case' not 'camelCase'"],
    [
      [...labels].some((label) => camelCase.test(label)),
      "label names should be written in 'snake_case' not 'camelCase'",
    ],
    ...types.map((word): [boolean, string] => [
      words.includes(word),
      `metric name should not include type '${word}'`,
    ]),
  ];
  return faults.flatMap(([found, fault]) => (found ? [`${name} ${fault}`] : []));
}
