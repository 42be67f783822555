import { Writable } from 'node:stream';
import { createLogger } from '../platform/logger.ts';
import { MovableClock } from './clock.ts';
import { newSecrets } from './home.ts';
import type { Narrator } from './narrator.ts';
import { type Stack, startStack } from './stack.ts';
import type { PostgresMajor } from './postgres.ts';
import type { Started } from './started.ts';
import { temporaryDirectory } from './temporary.ts';
import { walk } from './walk.ts';

export interface FreshWalkOptions {
  /** Part of the temporary folder's name. */
  name: string;
  narrator: Narrator;
  /** Collects the service's log lines at `warn` and above. */
  warnings: string[];
  /** The PostgreSQL major version. Defaults to the newest. */
  major?: PostgresMajor;
}

/**
 * Starts everything on fresh, temporary data and walks through an entitlement's whole life cycle.
 *
 * @returns the number of steps, and the stack, which runs until `started` stops.
 * @throws StepFailed if a response was wrong.
 */
export async function walkFreshStack(
  { name, narrator, warnings, major }: FreshWalkOptions,
  started: Started,
): Promise<{ steps: number; stack: Stack }> {
  const clock = new MovableClock();
  const secrets = newSecrets();
  const log = new Writable({
    write(chunk: Buffer, _encoding, done) {
      warnings.push(chunk.toString());
      done();
    },
  });
  const stack = await startStack(
    {
      directory: await temporaryDirectory(name, started),
      persistent: false,
      ...(major === undefined ? {} : { major }),
      ports: { service: 0, sandbox: 0 },
      secrets,
      clock: clock.now,
      logger: createLogger('warn', log),
    },
    started,
  );
  const steps = await walk({
    serviceUrl: stack.serviceUrl,
    sandboxUrl: stack.sandboxUrl,
    adminKey: secrets.adminKey,
    stripeKey: secrets.stripeKey,
    cached: stack.redisUrl !== null,
    clock,
    narrator,
  });
  return { steps, stack };
}
