import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { inject } from 'vitest';
import { freePort } from '../../src/dev/ports.ts';
import type { Started } from '../../src/dev/started.ts';
import { adminKey, webhookSecret } from './service.ts';

/** A process of the service that kills itself (SIGKILL) at a step. */
export interface DyingProcess {
  child: ChildProcess;
  /** Resolves with the signal that ended the process; null if it ended by itself. */
  ended: Promise<NodeJS.Signals | null>;
}

interface DyingOptions {
  /** A file beside this one, such as `dying-service.ts`. */
  program: string;
  /** A step of the program; `never` for a process that does not kill itself. */
  dieAt: string;
  databaseUrl: string;
  /** Added to the environment of the process. */
  environment: Record<string, string>;
  started: Started;
}

/** Starts a process of the service, on a free port unless the environment has another. */
export async function startDying({
  databaseUrl,
  dieAt,
  environment,
  program,
  started,
}: DyingOptions): Promise<DyingProcess> {
  const child = spawn(process.execPath, [path.join(import.meta.dirname, program)], {
    env: {
      PATH: process.env['PATH'],
      DIE_AT: dieAt,
      PORT: String(await freePort()),
      HOST: '127.0.0.1',
      DATABASE_URL: databaseUrl,
      REDIS_URL: inject('redisUrl'),
      STRIPE_SECRET_KEY: 'sk_test_123',
      STRIPE_WEBHOOK_SECRETS: webhookSecret,
      ADMIN_API_KEY: adminKey,
      LOG_LEVEL: 'silent',
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit').then(([, signal]) => signal as NodeJS.Signals | null); // as its types say
  started.add(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await ended;
  });
  return { child, ended };
}
