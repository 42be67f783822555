import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventTypes } from '../../../../src/webhook/core/events.ts';
import { openFixture, refusal, type Fixture } from '../fixture.ts';
import { triggers, type TriggerStep } from './fixtures.ts';

/* The requests of Stripe's own CLI that trigger the followed events. */

/** Followed, and no trigger of the CLI's. */
const untriggered = [
  'charge.dispute.funds_reinstated',
  'charge.dispute.funds_withdrawn',
  'customer.subscription.pending_update_applied',
  'customer.subscription.pending_update_expired',
  'customer.subscription.resumed',
  'entitlements.active_entitlement_summary.updated',
  'invoice.finalization_failed',
  'invoice.overdue',
  'price.deleted',
  'refund.created',
  'refund.failed',
];

/** Events that the requests of a trigger cause in place of the event of its name (docs/sandbox.md). */
const leadsTo: Readonly<Record<string, string>> = {
  'subscription_schedule.aborted': 'subscription_schedule.canceled',
  'subscription_schedule.completed': 'subscription_schedule.released',
  // Its clock stops nine days before the end, two before the notice.
  'subscription_schedule.expiring': 'customer.subscription.created',
};

/** The CLI's name of a trigger, if it differs. */
const cliNames: Readonly<Record<string, string>> = { 'refund.updated': 'charge.refund.updated' };

const cli = spawnSync('stripe', ['version'], { encoding: 'utf8' });
const hasCli = cli.error === undefined && cli.stdout.startsWith('stripe version');

let fixture: Fixture;
beforeEach(async () => {
  fixture = await openFixture();
});
afterEach(() => fixture.close());

function sent(): string[] {
  return fixture.sandbox.objects('events').events.map(({ type }) => type);
}

/** Returns a field of a response by its path, such as `data.0.id`. */
function fieldOf(answers: Map<string, unknown>, path: string): string {
  const [name = '', ...keys] = path.split('.');
  let value = answers.get(name);
  for (const key of keys) value = Reflect.get(Object(value), key);
  return String(value);
}

/** The value with each `${…}` replaced. */
function filled(answers: Map<string, unknown>, value: unknown): unknown {
  if (typeof value === 'string') {
    return value.replaceAll(/\$\{([^}]+)\}/g, (_all, path: string) => fieldOf(answers, path));
  }
  if (Array.isArray(value)) return value.map((entry) => filled(answers, entry));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, entry]) => [key, filled(answers, entry)]),
  );
}

async function perform(steps: readonly TriggerStep[]): Promise<void> {
  const answers = new Map<string, unknown>();
  for (const { name, request, params, refused } of steps) {
    const [method = '', path = ''] = String(filled(answers, request)).split(' ');
    const given = filled(answers, params) as Record<string, unknown> | undefined;
    const asked = fixture.stripe.rawRequest(method, path, given);
    if (refused === true) expect(await refusal(asked)).toMatchObject({ type: 'StripeCardError' });
    else answers.set(name, await asked);
  }
}

describe("the triggers of Stripe's CLI", () => {
  it('exist for each followed event for which the CLI has one', () => {
    expect([...Object.keys(triggers), ...untriggered].sort()).toEqual(eventTypes);
  });

  it.each(Object.entries(triggers))(
    '%s: its requests succeed and lead to it',
    async (type, steps) => {
      await perform(steps);
      expect(sent()).toContain(leadsTo[type] ?? type);
    },
  );

  it.runIf(hasCli).each(Object.keys(triggers))('%s: the CLI itself says so', async (type) => {
    const child = spawn(
      'stripe',
      ['trigger', cliNames[type] ?? type, '--api-base', fixture.sandbox.url],
      { env: { ...process.env, STRIPE_API_KEY: 'sk_test_sandbox' } },
    );
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(sent()).toContain(leadsTo[type] ?? type);
  });
});
