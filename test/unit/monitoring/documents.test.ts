import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parser } from '@prometheus-io/lezer-promql';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { reasons } from '../../../src/entitlements/core/reasons.ts';
import { alarmKinds } from '../../../src/platform/alarm-kinds.ts';
import { createMetrics } from '../../../src/platform/metrics.ts';
import { findingTypes } from '../../../src/projects/finding-types.ts';
import { countFindingsFromZero } from '../../../src/reconciliation/measure.ts';

const repository = path.resolve(import.meta.dirname, '../../..');
const directory = path.join(repository, 'docs/monitoring');

interface Described {
  name: string;
  type: string;
  labels: string[];
}

/** The metrics of the service. */
const existing: Described[] = createMetrics()
  .registry.getMetricsAsArray()
  .map((metric) => {
    const labels: unknown = Reflect.get(metric, 'labelNames');
    return {
      name: metric.name,
      type: String(metric.type),
      labels: z.array(z.string()).default([]).parse(labels),
    };
  });

/** The metrics in metrics.md. */
const documented: Described[] = [
  ...readFileSync(path.join(directory, 'metrics.md'), 'utf8').matchAll(
    /^\| `(latchkey_\w+)` *\| (\w+) *\| ([^|]*) \|/gm,
  ),
].map(([, name = '', type = '', labels = '']) => ({
  name,
  type,
  labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label = '']) => label),
}));

const alertSchema = z.strictObject({
  alert: z.string().regex(/^Latchkey[A-Z][A-Za-z]+$/),
  expr: z.string(),
  for: z
    .string()
    .regex(/^\d+[mh]$/)
    .optional(),
  labels: z.strictObject({ severity: z.enum(['page', 'ticket']) }),
  annotations: z.strictObject({
    summary: z.string().min(10),
    action: z.string().min(20),
    runbook: z.string().regex(/^docs\/operations\.md#[a-z-]+$/),
  }),
});

const { groups } = z
  .strictObject({
    groups: z.array(z.strictObject({ name: z.string(), rules: z.array(alertSchema) })),
  })
  .parse(parse(readFileSync(path.join(directory, 'alerts.yml'), 'utf8')));
const alerts = groups.flatMap(({ rules }) => rules);

/** Returns the metrics that an expression selects, each with its labels; throws if it is not PromQL. */
function selected(expression: string): { name: string; labels: string[] }[] {
  const selectors: { name: string; labels: string[] }[] = [];
  parser.parse(expression).iterate({
    enter(node) {
      const text = expression.slice(node.from, node.to);
      if (node.type.isError) throw new Error(`at ${node.from}: ${expression}`);
      if (node.name === 'VectorSelector') selectors.push({ name: '', labels: [] });
      const current = selectors.at(-1);
      if (node.name === 'Identifier' && current !== undefined) current.name = text;
      if (node.name === 'LabelName' && node.node.parent?.name === 'UnquotedLabelMatcher') {
        current?.labels.push(text);
      }
    },
  });
  return selectors;
}

/** Labels that every scrape adds. */
const ofScrape = { metric: 'up', labels: ['job', 'instance'] };

describe('docs/monitoring/metrics.md', () => {
  it('lists every metric with its type and labels, once, and none that does not exist', () => {
    const byName = (a: Described, b: Described): number => (a.name < b.name ? -1 : 1);
    expect(documented.toSorted(byName)).toEqual(existing.toSorted(byName));
  });
});

describe('docs/monitoring/alerts.yml', () => {
  it.each(alerts.map((rule) => [rule.alert, rule] as const))(
    '%s: PromQL over metrics and labels that exist',
    (_name, { expr }) => {
      const selectors = selected(expr);
      expect(selectors).not.toEqual([]);
      for (const { name, labels } of selectors) {
        if (name === ofScrape.metric) continue;
        const metric = existing.find((one) =>
          one.type === 'histogram'
            ? [`${one.name}_bucket`, `${one.name}_sum`, `${one.name}_count`].includes(name)
            : one.name === name,
        );
        expect(metric, name).toBeDefined();
        const known = [...(metric?.labels ?? []), ...ofScrape.labels];
        expect(labels.filter((label) => !known.includes(label))).toEqual([]);
      }
    },
  );

  it('asks for no rise of what is not there before it happens, unless it asks for what is new as well', async () => {
    const metrics = createMetrics();
    countFindingsFromZero({ metrics });
    const atStart = await metrics.registry.metrics();
    const rising = alerts.filter(({ expr }) => /increase\(.*> 0/s.test(expr));
    expect(rising.length).toBeGreaterThan(3);
    const blind = rising.filter(
      ({ expr }) =>
        !expr.includes(' offset ') &&
        selected(expr).some(({ name }) => !new RegExp(`\n${name}[{ ]`).test(atStart)),
    );
    expect(blind.map(({ alert }) => alert)).toEqual([]);
  });

  it('names no alert twice', () => {
    const names = alerts.map(({ alert }) => alert);
    expect(names).toEqual([...new Set(names)]);
  });

  it('refers only to alerts that exist', () => {
    const names = new Set(alerts.map(({ alert }) => alert));
    const named = alerts.flatMap(({ annotations }) =>
      [...annotations.action.matchAll(/Latchkey[A-Z]\w+/g)].map(([name]) => name),
    );
    expect(named.length).toBeGreaterThan(0);
    expect(named.filter((name) => !names.has(name))).toEqual([]);
  });

  it('refers only to documents and sections that exist', () => {
    const text = readFileSync(path.join(directory, 'alerts.yml'), 'utf8');
    const links = [...text.matchAll(/((?:docs\/)?[\w-]+\.md)(?:#([\w-]+))?/g)];
    expect(links.length).toBeGreaterThan(0);
    for (const [link, file = '', section] of links) {
      const document = readFileSync(
        path.resolve(file === 'metrics.md' ? directory : repository, file),
        'utf8',
      );
      if (section !== undefined) expect(sections(document), link).toContain(section);
    }
  });
});

/** Returns the anchors of a document's headings. */
function sections(document: string): string[] {
  return [...document.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} -]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/**
 * Returns the first two columns of the tables in a section of docs/operations.md whose first column is a
 * name.
 */
function meaningsOf(heading: string): [string, string][] {
  const [, section = ''] = readFileSync(path.join(repository, 'docs/operations.md'), 'utf8').split(
    `\n## ${heading}\n`,
  );
  const [text = ''] = section.split('\n## ');
  return [...text.matchAll(/^\| `(\w+)` +\| ([^|]*?) *\|/gm)].map(([, name = '', meaning = '']) => [
    name,
    meaning,
  ]);
}

function rowsOf(heading: string): string[] {
  return meaningsOf(heading).map(([name]) => name);
}

describe('docs/operations.md', () => {
  it('explains each reason of an answer', () => {
    expect(Object.fromEntries(meaningsOf('A paying user is locked out'))).toEqual(reasons);
  });

  it('says of each kind of alarm what it means and what to do', () => {
    expect(rowsOf('An alarm was raised').sort()).toEqual([...alarmKinds]);
  });

  it('says of each type of finding what it means and what to do', () => {
    expect(rowsOf('A reconciliation is held, or finds drift')).toEqual([...findingTypes]);
  });
});

describe('the kinds of alarms', () => {
  it('are exactly the kinds that the code raises, so that each begins at 0', () => {
    const source = readdirSync(path.join(repository, 'src'), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && !file.startsWith('generated'))
      .map((file) => readFileSync(path.join(repository, 'src', file), 'utf8'))
      .join('\n');
    const raised = [...source.matchAll(/alarms\.inc\(\{\s*kind: '(\w+)'/g)].map(([, kind]) => kind);
    expect([...new Set(raised)].sort()).toEqual([...alarmKinds]);
  });
});
