/*
 * The service as a process that kills itself (SIGKILL) at a step of reporting usage to Stripe. It runs as
 * src/server.ts runs it; only the steps are intercepted.
 */
import { loadConfig } from '../../src/config.ts';
import { openDeps } from '../../src/deps.ts';
import { runService } from '../../src/run-service.ts';

const dieAt = process.env['DIE_AT'];

function reach(step: string): void {
  if (step === dieAt) process.kill(process.pid, 'SIGKILL');
}

const deps = openDeps(loadConfig(process.env));
const { pool } = deps.database;

const query = pool.query.bind(pool) as (...args: unknown[]) => Promise<unknown>; // the promise forms
Object.assign(pool, {
  query: async (...args: unknown[]) => {
    const [asked] = args;
    const text = typeof asked === 'string' ? asked : JSON.stringify(asked);
    // Claimed, but not sent.
    if (text.includes('first_sent_at = coalesce')) reach('claimed');
    // Accepted by Stripe, but not recorded.
    if (text.startsWith('update meter_events set status = ')) reach('sent');
    const result = await query(...args);
    // About to be sent.
    if (text.includes('first_sent_at = coalesce')) reach('begun');
    return result;
  },
});

await runService(deps);
process.stdout.write('listening\n');
