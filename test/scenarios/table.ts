import { catalog } from './catalog.ts';
import { customers } from './customers.ts';
import { deliveries } from './deliveries.ts';
import { disputes } from './disputes.ts';
import { dunning } from './dunning.ts';
import { endings } from './endings.ts';
import { foreign } from './foreign.ts';
import { plans } from './plans.ts';
import { purchases } from './purchases.ts';
import { refunds } from './refunds.ts';
import type { ScenarioGroup } from './scenario.ts';
import { statuses } from './statuses.ts';

/** All scenarios, in the order of the document. */
export const groups: readonly ScenarioGroup[] = [
  statuses,
  dunning,
  endings,
  plans,
  purchases,
  refunds,
  disputes,
  catalog,
  customers,
  deliveries,
  foreign,
];
