/*
 * The program behind `npm run doctor`. It checks the settings and every dependency of the service, and prints
 * what is wrong and how to fix it. It changes nothing. It exits with 1 if a check failed.
 */
import './platform/node-version.ts';
import { readFileSync } from 'node:fs';
import { type Config, ConfigError, loadConfig } from './config.ts';
import type { Check } from './doctor/check-result.ts';
import { checkSurroundings } from './doctor/surroundings.ts';
import { reasonOf } from './platform/redaction.ts';

const marks = { ok: 'ok     ', warning: 'WARNING', failed: 'FAILED ' } as const;

function show({ name, state, found, remedy }: Check): void {
  process.stdout.write(`${marks[state]}  ${name.padEnd(16)}  ${found}\n`);
  if (remedy !== undefined) process.stdout.write(`${' '.repeat(27)}${remedy}\n`);
}

function loadSettings(): Config | null {
  try {
    return loadConfig(process.env, (file) => readFileSync(file, 'utf8'));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const fault of error.faults) {
      show({ name: 'settings', state: 'failed', found: fault });
    }
    process.stdout.write('\nSee .env.example for what each setting means.\n');
    return null;
  }
}

const config = loadSettings();
const counts = { ok: 0, warning: 0, failed: config === null ? 1 : 0 };
if (config !== null) {
  try {
    for await (const check of checkSurroundings(config)) {
      counts[check.state] += 1;
      show(check);
    }
  } catch (error) {
    counts.failed += 1;
    process.stderr.write(`The check could not be completed: ${reasonOf(error)}\n`);
  }
  process.stdout.write(
    `\n${counts.failed} failed, ${counts.warning} to look at, ${counts.ok} ok.\n`,
  );
}
process.exitCode = counts.failed > 0 ? 1 : 0;
