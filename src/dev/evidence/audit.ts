import { z } from 'zod';
import type { Judged } from './outcome.ts';

/*
 * What `npm audit --json` came to; pure. npm ends with 1 both where it found something and where nobody
 * told it anything, and what it prints differs: a report, or the answer of the registry. The forms are
 * those of npm 10 and 11 (lib/utils/audit-error.js, npm-audit-report).
 */

const count = z.int().nonnegative();

const reportShape = z.object({
  auditReportVersion: z.literal(2),
  metadata: z.object({
    vulnerabilities: z.object({
      ...{ info: count, low: count, moderate: count, high: count, critical: count },
      total: count,
    }),
    dependencies: z.object({ prod: count }),
  }),
});

/** What is printed where the registry did not answer the question, or could not be reached. */
const unansweredShape = z.object({
  message: z.string().min(1),
  statusCode: z.int().optional(),
  error: z.object({ code: z.undefined().optional() }),
});

/** The gravest first. */
const severities = ['critical', 'high', 'moderate', 'low', 'info'] as const;

/**
 * Passed only where the registry was asked about at least one package and knows of nothing; `not
 * available` where it did not answer; everything else is a failure, whatever npm ended with: a setting
 * such as `audit-level` changes that.
 *
 * @param printed standard output alone, without the warnings.
 */
export function judgeAudit(printed: string): Judged {
  const said = parsed(printed);
  const report = reportShape.safeParse(said);
  if (report.success) {
    const { vulnerabilities, dependencies } = report.data.metadata;
    if (vulnerabilities.total > 0) {
      const found = severities.filter((severity) => vulnerabilities[severity] > 0);
      const counts = found.map((severity) => `${vulnerabilities[severity]} ${severity}`).join(', ');
      return { outcome: 'failed', counts: `${vulnerabilities.total} vulnerable: ${counts}` };
    }
    if (dependencies.prod > 0) {
      return { outcome: 'passed', counts: `none vulnerable of ${dependencies.prod} packages` };
    }
    return { outcome: 'failed', counts: 'no package was asked about' };
  }
  const unanswered = unansweredShape.safeParse(said);
  if (unanswered.success) {
    const { statusCode } = unanswered.data;
    return {
      outcome: 'not available',
      counts:
        statusCode === undefined
          ? 'the registry gave no answer that can be read'
          : `the registry answers ${statusCode} to the question`,
    };
  }
  return { outcome: 'failed', counts: 'npm did not say what it found' };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
