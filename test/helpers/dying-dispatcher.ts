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

const query = Reflect.get(pg.Client.prototype, 'query') as (...args: unknown[]) => unknown;
Object.assign(pg.Client.prototype, {
  query(this: pg.Client, ...args: unknown[]) {
    const [asked] = args;
    const text = typeof asked === 'string' ? asked : JSON.stringify(asked);
    // Written, but not committed.
    if (text.includes('update webhook_endpoints set position')) reach('written');
    // Sent, but not recorded.
    if (text.includes('attempts = attempts ||')) reach('sent');
    const result = Reflect.apply(query, this, args);
    if (text.includes('from claim_deliveries') && result instanceof Promise) {
      return result.then((rows: { rowCount: number | null }) => {
        if ((rows.rowCount ?? 0) > 0) reach('claimed');
        return rows;
      });
    }
    return result;
  },
});

await runService(openDeps(loadConfig(process.env)));
process.stdout.write('listening\n');
