import { describe, expect, it } from 'vitest';
import { type Evidence, evidencePage } from '../../../src/dev/evidence/document.ts';
import { chosenSteps, stepNames, stepRules } from '../../../src/dev/evidence/steps.ts';

const figures = { requestsPerSecond: 7_840.4, p50Ms: 3.456, p99Ms: 12.345, errors: 0 };

const evidence: Evidence = {
  startedAt: Date.parse('2026-11-24T18:00:00.000Z'),
  commit: 'abc123',
  changed: false,
  machine: { cores: 2, model: 'A CPU', memoryGigabytes: 7.75, loadAverage: 0.25 },
  versions: [
    ['Node', 'v24.21.0'],
    ['PostgreSQL', 'postgres (PostgreSQL) 18.4'],
  ],
  steps: [
    { command: 'npm run lint', passed: true, seconds: 41.4, counts: '' },
    { command: 'npm test', passed: true, seconds: 605, counts: '1690 passed, 0 failed' },
  ],
  bench: null,
};

describe('the page of evidence', () => {
  it('says when, where and on what everything ran, and what came of it', () => {
    expect(evidencePage(evidence)).toBe(`# Evidence

Written by \`npm run evidence\`: what was run, on what, and what came of it.

Everything passed.

|  |  |
| --- | --- |
| when | 2026-11-24T18:00:00.000Z |
| commit | \`abc123\` |
| machine | 2 cores (A CPU), 7.8 GB, load average 0.3 at the start |
| Node | v24.21.0 |
| PostgreSQL | postgres (PostgreSQL) 18.4 |

## What was run

| command | outcome | took | counts |
| --- | --- | --- | --- |
| \`npm run lint\` | passed | 41 s |  |
| \`npm test\` | passed | 10 min 5 s | 1690 passed, 0 failed |
`);
  });

  it('says first how many steps failed, and that there were changes', () => {
    const [lint, test] = evidence.steps;
    if (lint === undefined || test === undefined) throw new Error('two steps were made');
    const page = evidencePage({
      ...evidence,
      changed: true,
      steps: [lint, { ...test, passed: false }],
    });

    expect(page).toContain('**1 of 2 steps failed.**');
    expect(page).not.toContain('Everything passed');
    expect(page).toContain('| `npm test` | **failed** |');
    expect(page).toContain('`abc123`, with changes that are not in it');
  });

  it('shows what the bench measured, with targets where there are some', () => {
    const row = {
      ...{ name: 'hit', floorName: 'one | GET', service: figures, target: 0.7 },
      floor: { ...figures, requestsPerSecond: 10_000, errors: 2 },
      ratios: { throughput: 0.784, p99: 1.25 },
    };
    const page = evidencePage({ ...evidence, bench: [row, { ...row, target: null }] });

    expect(page).toContain(
      '| hit | 7840 | 3.46 | 12.35 | 2 | 0.78 | ≥ 0.70 | 1.3 | one \\| GET, 10000 req/s |',
    );
    expect(page).toContain('| 0.78 |  | 1.3 |');
  });
});

describe('the steps', () => {
  it('can be chosen, and run in their order', () => {
    expect(chosenSteps(undefined)).toEqual(stepNames);
    expect(chosenSteps('demo, lint')).toEqual(['lint', 'demo']);
    expect(chosenSteps('lint,nothing')).toBeNull();
  });

  it('say what they came to', () => {
    const output =
      '1 passed, 0 failed\nmore\n\u001b[32m1690 passed, 2 failed, 3 skipped\u001b[39m\n';
    expect(stepRules.test.countsIn(output)).toBe('1690 passed, 2 failed, 3 skipped');
    expect(stepRules.demo.countsIn('\u001b[1mAll 21 steps went right\u001b[22m, in 3 s')).toBe(
      '21 steps',
    );
    expect(stepRules.image.countsIn('Dockerfile\n  ✓ it starts\n  ✓ it stops\n')).toBe('2 checks');
    expect(stepRules.image.countsIn('nothing')).toBe('');
  });
});
