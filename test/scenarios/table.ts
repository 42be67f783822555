import { catalog } from './catalog.ts';
import { customers } from './customers.ts';
import { deliveries } from './deliveries.ts';
import { disputes } from './disputes.ts';
import { dunning } from './dunning.ts';
import { endings } from './endings.ts';
import { foreign } from './foreign.ts';
import { merging } from './merging.ts';
import { plans } from './plans.ts';
import { purchases } from './purchases.ts';
import { refunds } from './refunds.ts';
import { schedules } from './schedules.ts';
import type { ScenarioGroup } from './scenario.ts';
import { slowMoney } from './slow-money.ts';
import { statuses } from './statuses.ts';

/** All scenarios, in the order of the document. */
export const groups: readonly ScenarioGroup[] = [
  statuses,
  dunning,
  endings,
  plans,
  schedules,
  purchases,
  slowMoney,
  refunds,
  disputes,
  merging,
  catalog,
  customers,
  deliveries,
  foreign,
];
