/*
 * The service as a process that kills itself (SIGKILL) at a step of a webhook. It runs as src/server.ts runs
 * it; only the steps are intercepted.
 */
import pg from 'pg';
import { loadConfig } from '../../src/config.ts';
import { openDeps } from '../../src/deps.ts';
import { runService } from '../../src/run-service.ts';

const dieAt = process.env['DIE_AT'];

function reach(step: string): void {
  if (step === dieAt) process.kill(process.pid, 'SIGKILL');
}

const deps = openDeps(loadConfig(process.env));
const { pool } = deps.database;

const query = pool.query.bind(pool) as (...args: unknown[]) => Promise<pg.QueryResult>; // the promise forms
Object.assign(pool, {
  query: async (...args: unknown[]) => {
    const text = textOf(args);
    // Sent, but not recorded.
    if (text.includes('(attempts || ')) reach('sent');
    const result = await query(...args);
    if (text.includes('from claim_deliveries') && result.rows.length > 0) reach('claimed');
    return result;
  },
});

const ofClient = Reflect.get(pg.Client.prototype, 'query') as (...args: unknown[]) => unknown;
Object.assign(pg.Client.prototype, {
  query(this: pg.Client, ...args: unknown[]) {
    // Written, but not committed.
    if (textOf(args).includes('update webhook_endpoints set position')) reach('written');
    return Reflect.apply(ofClient, this, args);
  },
});

function textOf([asked]: unknown[]): string {
  return typeof asked === 'string' ? asked : JSON.stringify(asked);
}

await runService(deps);
process.stdout.write('listening\n');
