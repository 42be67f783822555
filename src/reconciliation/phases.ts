import type { SyncedType } from '../webhook/core/events.ts';
import { compareCatalog } from './catalog-phase.ts';
import type { Step } from './compare-list.ts';
import { compareCustomers } from './customer-phase.ts';
import { findDoubleSubscriptions } from './double-subscriptions.ts';
import { recheckFindings, settleLosses } from './losses.ts';
import { compareEvents } from './missed-events.ts';
import {
  compareCharges,
  compareDisputes,
  compareInvoices,
  compareRefunds,
} from './money-phases.ts';
import { comparePurchases } from './purchase-phase.ts';
import type { RunContext, RunScope } from './run-context.ts';
import { compareSubscriptions } from './subscription-phase.ts';
import { compareUser } from './user-phase.ts';

/** A part of a run, such as the comparison of all charges. */
interface Phase {
  name: string;
  step: Step;
  /** Estimates the number of objects from the mirror. */
  expect?(context: RunContext): Promise<number>;
}

const catalog: Phase = { name: 'catalog', step: compareCatalog };
const losses: Phase = { name: 'losses', step: settleLosses };
const doubles: Phase = { name: 'double_subscriptions', step: findDoubleSubscriptions };

/**
 * The phases that compare each type of object, in order. Charges come before purchases, so that no purchase
 * is restored without its refund.
 */
const comparedIn: Readonly<Record<SyncedType, readonly Phase[]>> = {
  product: [catalog],
  price: [catalog],
  customer: [{ name: 'customers', step: compareCustomers }],
  dispute: [{ name: 'disputes', step: compareDisputes }],
  charge: [
    { name: 'charges', step: compareCharges },
    { name: 'refunds', step: compareRefunds },
  ],
  invoice: [{ name: 'invoices', step: compareInvoices }],
  'checkout.session': [
    {
      name: 'purchases',
      step: comparePurchases,
      expect: ({ deps }) =>
        deps.database.prisma.checkoutSession.count({ where: { status: 'complete' } }),
    },
  ],
  subscription: [
    {
      name: 'subscriptions',
      step: compareSubscriptions,
      expect: ({ deps }) => deps.database.prisma.subscription.count(),
    },
  ],
  entitlement_summary: [],
};

/**
 * Losses are decided once all of them are known. Double subscriptions are looked for in what is then stored.
 * Events come last, because they must not apply held losses.
 */
const everything: readonly Phase[] = [
  ...new Set(Object.values(comparedIn).flat()),
  losses,
  doubles,
  { name: 'events', step: compareEvents },
];

/** Stripe's lists cannot be filtered by project, so a project's run goes through all of them. */
const ofProject = everything.filter(({ name }) => name !== 'events');

const ofUser: readonly Phase[] = [{ name: 'user', step: compareUser }, losses, doubles];

const ofForce: readonly Phase[] = [
  {
    name: 'forced',
    step: async (context) => {
      await recheckFindings(context, 'held');
      return null;
    },
  },
];

/** Returns the phases of a run, in order. */
export function phasesOf(
  { projectId, userId }: Pick<RunScope, 'projectId' | 'userId'>,
  forced: boolean,
): readonly Phase[] {
  if (forced) return ofForce;
  if (userId !== null) return ofUser;
  return projectId === null ? everything : ofProject;
}

export function firstPhase(scope: Pick<RunScope, 'projectId' | 'userId'>, forced = false): string {
  const [first] = phasesOf(scope, forced);
  if (first === undefined) throw new Error(`no phases for the run scope ${JSON.stringify(scope)}`);
  return first.name;
}
