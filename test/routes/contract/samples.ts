import type { RouteSample, RouteSamples } from './route-sample.ts';
import { catalogSamples } from './samples/catalog.ts';
import { checkoutSamples } from './samples/checkout.ts';
import { customerSamples } from './samples/customers.ts';
import { grantSamples } from './samples/grants.ts';
import { opsSamples } from './samples/ops.ts';
import { projectSamples } from './samples/projects.ts';
import { readSamples } from './samples/reads.ts';
import { reconciliationSamples } from './samples/reconciliation.ts';
import { recordSamples } from './samples/records.ts';
import { reportSamples } from './samples/reports.ts';
import { subscriptionSamples } from './samples/subscriptions.ts';
import { usageSamples } from './samples/usage.ts';
import { webhookSamples } from './samples/webhooks.ts';

/** A request for each route of the service. */
export const samples: RouteSamples = {
  ...readSamples,
  ...checkoutSamples,
  ...projectSamples,
  ...catalogSamples,
  ...grantSamples,
  ...customerSamples,
  ...recordSamples,
  ...reconciliationSamples,
  ...reportSamples,
  ...subscriptionSamples,
  ...usageSamples,
  ...webhookSamples,
  ...opsSamples,
};

/** @throws where a route has none, with how to add it. */
export function sampleOf(name: string): RouteSample {
  const sample = samples[name];
  if (sample !== undefined) return sample;
  throw new Error(
    `${name} has no sample request. Add one to a file of test/routes/contract/samples ` +
      `(a new file goes into test/routes/contract/samples.ts): ` +
      `'${name}': { ask: (ids) => ({ params, query, body }) }, which succeeds with the ids of the ` +
      `world (world.ts), and below \`problems\` a request for each code of its \`config.problems\`.`,
  );
}
