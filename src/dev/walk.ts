import { catalogSteps } from './walk-catalog.ts';
import { operatorSteps } from './walk-operator.ts';
import { purchaseSteps } from './walk-purchase.ts';
import { subscriptionSteps } from './walk-subscription.ts';
import { usageSteps } from './walk-usage.ts';
import { Walker, type WalkOptions } from './walker.ts';

/** Thrown if a step fails. The message names the step. */
export class StepFailed extends Error {
  constructor(number: number, title: string, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(`Step ${number}, “${title}”, failed.\n\n${reason}`, { cause });
    this.name = 'StepFailed';
  }
}

/**
 * Runs an entitlement's whole life cycle against a running service and a sandbox, over HTTP alone: from
 * project and catalog through purchase and cancellation to the audit log. Checks every response. Resolves
 * with the number of steps.
 *
 * @throws StepFailed
 */
export async function walk(options: WalkOptions): Promise<number> {
  const walker = new Walker(options);
  const clockKind = options.clock === null ? 'real clock' : 'movable clock';
  const steps = [
    ...catalogSteps(),
    ...subscriptionSteps(),
    ...purchaseSteps(),
    ...usageSteps(),
    ...operatorSteps(),
  ];
  let number = 0;
  for (const step of steps) {
    if (step.only === 'movable clock' && clockKind === 'real clock') {
      options.narrator.skipped(step.title, "this service's clock cannot be moved");
    }
    if (step.only !== undefined && step.only !== clockKind) continue;
    number += 1;
    options.narrator.step(number, step.title);
    try {
      await step.run(walker);
    } catch (error) {
      throw new StepFailed(number, step.title, error);
    }
  }
  return number;
}
