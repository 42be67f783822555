import { describe, expect, it } from 'vitest';
import { judgeAudit, type StepOutcome } from '../../evidence/audit.ts';
import { type Evidence, evidencePage, type StepResult } from '../../evidence/document.ts';
import { chosenSteps, type StepName, stepNames, stepRules } from '../../evidence/steps.ts';

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
    { command: 'npm run lint', outcome: 'passed', seconds: 41.4, counts: '' },
    { command: 'npm test', outcome: 'passed', seconds: 605, counts: '1690 passed, 0 failed' },
  ],
  bench: null,
};

describe('the page of evidence', () => {
  it('says when, where and on what everything ran, and what came of it', () => {
    expect(evidencePage(evidence)).toBe(`# Evidence

Written by \`npm run evidence\`: the steps, the machine, and the results.

Everything passed.

|  |  |
| --- | --- |
| when | 2026-11-24T18:00:00.000Z |
| commit | \`abc123\` |
| machine | 2 cores (A CPU), 7.8 GB, load average 0.3 at the start |
| Node | v24.21.0 |
| PostgreSQL | postgres (PostgreSQL) 18.4 |

## Steps

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
      steps: [lint, { ...test, outcome: 'failed' }],
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
    expect(page).not.toContain('Below its target');
  });

  it('does not say that everything passed where something could not be asked', () => {
    const audit: StepResult = {
      ...{ command: 'npm audit --omit=dev', outcome: 'not available', seconds: 1 },
      counts: 'the registry responded with 405',
    };
    const page = evidencePage({ ...evidence, steps: [...evidence.steps, audit] });

    expect(page).not.toContain('Everything passed.');
    expect(page).toContain('Everything that is available passed.');
    expect(page).toContain(
      '**`npm audit --omit=dev` is not available: the registry responded with 405.**',
    );
    expect(page).toContain('| `npm audit --omit=dev` | **not available** | 1 s |');

    const failed = evidencePage({
      ...evidence,
      steps: [audit, ...evidence.steps.map((step) => ({ ...step, outcome: 'failed' as const }))],
    });
    expect(failed).toContain('**2 of 3 steps failed.**');
    expect(failed).toContain('is not available');
    expect(failed).not.toContain('Everything passed');
  });

  it('names the paths that fell short of their target', () => {
    const row = {
      ...{ name: 'hit', floorName: 'one GET', service: figures, floor: figures, target: 0.8 },
      ratios: { throughput: 0.799, p99: 1 },
    };

    expect(evidencePage({ ...evidence, bench: [row] })).toContain('**Below its target: hit.**');
  });
});

describe('the steps', () => {
  it('can be chosen, and run in their order', () => {
    expect(chosenSteps(undefined)).toEqual(stepNames);
    expect(chosenSteps('demo, lint')).toEqual(['lint', 'demo']);
    expect(chosenSteps('lint,nothing')).toBeNull();
  });

  const outcomeOf = (name: StepName, output: string, passed = true): StepOutcome =>
    stepRules[name].judge({ passed, output, stdout: output });

  it('say what they came to', () => {
    const output =
      '1 passed, 0 failed\nmore\n\u001b[32m1690 passed, 2 failed, 3 skipped\u001b[39m\n';
    expect(outcomeOf('test', output).counts).toBe('1690 passed, 2 failed, 3 skipped');
    expect(outcomeOf('test', output, false)).toEqual({
      outcome: 'failed',
      counts: '1690 passed, 2 failed, 3 skipped',
    });
    const demo = '\u001b[1mAll 21 steps passed\u001b[22m, in 3 s';
    expect(outcomeOf('demo', demo)).toEqual({ outcome: 'passed', counts: '21 steps' });
    expect(outcomeOf('image', 'Dockerfile\n  ✓ it starts\n  ✓ it stops\n').counts).toBe('2 checks');
    const migrations = 'The migrations apply to an empty database (14 migrations) and end in it.';
    expect(outcomeOf('migrations', migrations).counts).toBe('14 migrations');
    expect(outcomeOf('lint', '')).toEqual({ outcome: 'passed', counts: '' });
  });

  it.each(['test', 'demo', 'image', 'migrations'] as const)(
    '%s has failed where it ends well and does not say what it did',
    (name) => {
      expect(outcomeOf(name, 'nothing').outcome).toBe('failed');
    },
  );
});

/* The output of npm 10.9 and 11.19, without the parts that vary. */
describe('npm audit', () => {
  const report = (found: Partial<Record<string, number>>, prod = 250): string => {
    const none = { info: 0, low: 0, moderate: 0, high: 0, critical: 0, total: 0 };
    const dependencies = { prod, dev: 328, optional: 86, peer: 48, peerOptional: 0, total: 581 };
    const metadata = { vulnerabilities: { ...none, ...found }, dependencies };
    return JSON.stringify({ auditReportVersion: 2, vulnerabilities: {}, metadata });
  };
  const unanswered = (message: string, more: object = {}): string =>
    JSON.stringify({ message, ...more, error: { summary: '', detail: '' } });
  const bulk = 'https://registry.npmjs.org/-/npm/v1/security/advisories/bulk';

  it('passes where the registry knows of nothing', () => {
    expect(judgeAudit(report({}))).toEqual({
      outcome: 'passed',
      counts: 'none vulnerable of 250 packages',
    });
  });

  it('fails if it knows a vulnerability, and says how many', () => {
    expect(judgeAudit(report({ low: 3, high: 8, total: 11 }))).toEqual({
      outcome: 'failed',
      counts: '11 vulnerable: 8 high, 3 low',
    });
  });

  it('is not available where the registry refuses the question', () => {
    const refused = unanswered(`405 Method Not Allowed - POST ${bulk}`, {
      ...{ method: 'POST', uri: bulk, headers: { allow: ['GET,HEAD'] } },
      ...{ statusCode: 405, body: '' },
    });

    expect(judgeAudit(refused)).toEqual({
      outcome: 'not available',
      counts: 'the registry responded with 405',
    });
  });

  it.each([
    ['cannot be reached', `request to ${bulk} failed, reason: connect ECONNREFUSED 127.0.0.1:9`],
    [
      'answers with a page',
      `invalid json response body at ${bulk} reason: Unexpected token '<' is not valid JSON`,
    ],
  ])('is not available where the registry %s', (_how, message) => {
    expect(judgeAudit(unanswered(message)).outcome).toBe('not available');
  });

  it('fails if a local cause kept it from asking the registry', () => {
    const noLock = { code: 'ENOLOCK', summary: 'This command requires an existing lockfile.' };

    expect(judgeAudit(JSON.stringify({ error: noLock })).outcome).toBe('failed');
    expect(judgeAudit(report({}, 0)).outcome).toBe('failed');
    expect(judgeAudit('').outcome).toBe('failed');
    expect(judgeAudit('{}').outcome).toBe('failed');
  });

  it('queries the registry despite npm’s settings, and the output decides', () => {
    expect(stepRules.audit.flags).toContain('--offline=false');
    const ran = { passed: true, output: 'a warning', stdout: report({ high: 1, total: 1 }) };
    expect(stepRules.audit.judge(ran).outcome).toBe('failed');
  });
});
