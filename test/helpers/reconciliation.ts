import { firstPhase } from '../../src/reconciliation/phases.ts';
import { createRun } from '../../src/reconciliation/run-store.ts';
import { drainRuns } from '../../src/reconciliation/schedule.ts';
import type { TestService } from './service.ts';

export interface FoundRun {
  id: string;
  status: string;
  error: string | null;
  /** As `type object_type action`, sorted. */
  findings: string[];
}

interface Asked {
  projectId?: string;
  userId?: string;
  dryRun?: boolean;
  /** Called with the duration while the run waits for Stripe. */
  onPause?: (ms: number) => void;
}

/** Runs every waiting reconciliation, as the background would. Waits take no time, but move the clock. */
export async function finishRuns(
  { deps, clock }: Pick<TestService, 'deps' | 'clock'>,
  { onPause }: Pick<Asked, 'onPause'> = {},
): Promise<void> {
  const running = {
    ...deps,
    // Another test covers the rate.
    stripeForReconciliation: deps.stripe,
    isStopped: () => false,
    pause: (ms: number) => {
      clock.advance(ms);
      onPause?.(ms);
      return Promise.resolve();
    },
  };
  await drainRuns(running, 'test');
}

/** Runs a reconciliation to its end. */
export async function reconcile(
  service: Pick<TestService, 'deps' | 'clock'>,
  asked: Asked = {},
): Promise<FoundRun> {
  const scope = { projectId: asked.projectId ?? null, userId: asked.userId ?? null };
  const { id } = await createRun(
    service.deps,
    { ...scope, dryRun: asked.dryRun ?? false },
    firstPhase(scope),
  );
  await finishRuns(service, asked);
  return foundRun(service, id);
}

export async function foundRun(
  { deps }: { deps: Pick<TestService['deps'], 'database'> },
  id: string,
): Promise<FoundRun> {
  const { prisma } = deps.database;
  const run = await prisma.reconciliationRun.findUniqueOrThrow({
    where: { id },
    include: { findings: true },
  });
  return {
    id,
    status: run.status,
    error: run.error,
    findings: run.findings
      .map(({ type, objectType, action }) => `${type} ${objectType} ${action}`)
      .sort(),
  };
}
