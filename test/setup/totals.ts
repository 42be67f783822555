import type { Reporter, TestModule } from 'vitest/node';

/** Prints, after vitest's own summary, one plain line: `12 passed, 0 failed, 3 skipped`. */
export default class Totals implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const count = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        // A test that is still pending was cut off, by Ctrl-C for example: it did not run.
        count[state === 'pending' ? 'skipped' : state] += 1;
      }
      // A file that cannot be loaded, or whose set-up failed, counts as one failure of its own.
      const suites = [module, ...module.children.allSuites()];
      count.failed += suites.filter((suite) => suite.errors().length > 0).length;
    }
    const { passed, failed, skipped } = count;
    process.stdout.write(
      `${passed} passed, ${failed} failed${skipped === 0 ? '' : `, ${skipped} skipped`}\n`,
    );
  }
}
