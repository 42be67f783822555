import { z } from 'zod';

/** The outcome of a step. */
export interface StepOutcome {
  /** `not available`: the step could not query its source, so it proves nothing. */
  outcome: 'passed' | 'failed' | 'not available';
  /** Details; may be empty. */
  counts: string;
}

/*
 * Interprets the output of `npm audit --json`. Pure. npm exits with 1 both if it found a vulnerability and if
 * the registry did not answer; only the output differs: a report, or the registry's response. The formats are
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

/** Output if the registry did not answer, or could not be reached. */
const unansweredShape = z.object({
  message: z.string().min(1),
  statusCode: z.int().optional(),
  error: z.object({ code: z.undefined().optional() }),
});

/** The most severe first. */
const severities = ['critical', 'high', 'moderate', 'low', 'info'] as const;

/**
 * Returns `passed` only if the registry checked at least one package and knows no vulnerability; `not
 * available` if it did not answer; otherwise a failure. It ignores npm's exit code, which a setting such as
 * `audit-level` changes.
 *
 * @param stdout standard output only, without the warnings.
 */
export function judgeAudit(stdout: string): StepOutcome {
  const output = parsed(stdout);
  const report = reportShape.safeParse(output);
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
    return { outcome: 'failed', counts: 'no package was checked' };
  }
  const unanswered = unansweredShape.safeParse(output);
  if (unanswered.success) {
    const { statusCode } = unanswered.data;
    return {
      outcome: 'not available',
      counts:
        statusCode === undefined
          ? "the registry's response cannot be parsed"
          : `the registry responded with ${statusCode}`,
    };
  }
  return { outcome: 'failed', counts: 'npm reported no result' };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
