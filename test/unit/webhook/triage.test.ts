import { describe, expect, it } from 'vitest';
import { eventRules, eventTypes, syncedTypes } from '../../../src/webhook/core/events.ts';
import { triage } from '../../../src/webhook/triage.ts';
import type { VerifiedEvent } from '../../../src/webhook/verify.ts';

const own = { livemode: false, accountId: 'acct_ours' };

function event(type: string, object: Record<string, unknown>, rest: Partial<VerifiedEvent> = {}) {
  return {
    id: 'evt_1',
    object: 'event' as const,
    type,
    created: 1,
    livemode: false,
    data: { object },
    ...rest,
  };
}

describe('what an event asks for', () => {
  it('a subscription event asks for its subscription', () => {
    expect(triage(event('customer.subscription.deleted', { id: 'sub_1' }), own)).toEqual({
      outcome: 'accepted',
      objects: [{ objectType: 'subscription', objectId: 'sub_1' }],
      urgency: 0,
    });
  });

  it.each([['ch_1'], [{ id: 'ch_1', object: 'charge' }]])(
    'a refund event asks for its charge, given as %j',
    (charge) => {
      expect(triage(event('refund.updated', { id: 're_1', charge }), own).objects).toEqual([
        { objectType: 'charge', objectId: 'ch_1' },
      ]);
    },
  );

  it.each([
    ['of today', { parent: { subscription_details: { subscription: 'sub_1' } } }],
    ['of an API version before 2025-03-31', { subscription: 'sub_1' }],
    ['with the subscription expanded', { subscription: { id: 'sub_1' } }],
  ])(
    'an invoice %s asks for its subscription, which access depends on, and for itself',
    (_, has) => {
      expect(triage(event('invoice.paid', { id: 'in_1', ...has }), own).objects).toEqual([
        { objectType: 'subscription', objectId: 'sub_1' },
        { objectType: 'invoice', objectId: 'in_1' },
      ]);
    },
  );

  it('an invoice of no subscription asks for itself', () => {
    expect(triage(event('invoice.paid', { id: 'in_1', parent: null }), own).objects).toEqual([
      { objectType: 'invoice', objectId: 'in_1' },
    ]);
  });

  it('a schedule that let its subscription go still asks for it', () => {
    const object = { id: 'sub_sched_1', subscription: null, released_subscription: 'sub_1' };
    expect(triage(event('subscription_schedule.released', object), own).objects).toEqual([
      { objectType: 'subscription', objectId: 'sub_1' },
    ]);
  });

  it('what a buyer waits for goes before what can wait', () => {
    const urgencyOf = (type: string) => eventRules[type]?.urgency ?? 9;
    for (const type of ['checkout.session.completed', 'customer.subscription.deleted']) {
      expect(urgencyOf(type)).toBeLessThan(urgencyOf('invoice.paid'));
    }
  });

  it('every object that we follow is named by an event', () => {
    const named = Object.values(eventRules).flatMap(({ targets }) => targets);
    expect(new Set(named.map(({ objectType }) => objectType))).toEqual(new Set(syncedTypes));
  });

  it('every event that we ask Stripe for names an object to fetch', () => {
    expect(eventTypes.length).toBeGreaterThan(30);
    for (const type of eventTypes) {
      const object = { id: 'x_1', charge: 'x_1', subscription: 'x_1', customer: 'x_1' };
      const { outcome, objects } = triage(event(type, object), own);
      expect(outcome).toBe('accepted');
      expect(objects.map(({ objectId }) => objectId)).toContain('x_1');
    }
  });
});

describe('what is kept and ignored', () => {
  const object = { id: 'sub_1' };
  const type = 'customer.subscription.updated';

  it.each([
    ['another mode', event(type, object, { livemode: true }), 'foreign_mode'],
    ['another account', event(type, object, { account: 'acct_other' }), 'foreign_account'],
    [
      'the context of another account',
      event(type, object, { context: 'acct_other' }),
      'foreign_account',
    ],
    [
      'the context of another account of our organization',
      event(type, object, { context: 'org_1/acct_other' }),
      'foreign_account',
    ],
    [
      'the context of an account that is connected to ours',
      event(type, object, { context: 'acct_ours/acct_other' }),
      'foreign_account',
    ],
    ['a type that we do not know', event('toaster.popped', object), 'unknown_type'],
    ["a name of JavaScript's own", event('constructor', object), 'unknown_type'],
    ['an object without an id', event(type, {}), 'no_object'],
    ['an id that would ask Stripe for another path', event(type, { id: '..' }), 'no_object'],
    [
      'a refund without a charge',
      event('refund.created', { id: 're_1', charge: null }),
      'no_object',
    ],
  ])('%s', (_name, given, outcome) => {
    expect(triage(given, own)).toMatchObject({ outcome, objects: [] });
  });

  it('our own account named is ours; any is foreign where ours is not known', () => {
    const named = event(type, object, { account: 'acct_ours' });
    expect(triage(named, own).outcome).toBe('accepted');
    expect(triage(named, { livemode: false, accountId: undefined }).outcome).toBe(
      'foreign_account',
    );
  });

  it.each(['acct_ours', 'org_1/acct_ours', '', null])('the context %j is ours', (context) => {
    expect(triage(event(type, object, { context }), own).outcome).toBe('accepted');
  });

  it('a context proves nothing if our account is not known: our own events may have one', () => {
    const given = event(type, object, { context: 'acct_ours' });
    expect(triage(given, { livemode: false, accountId: undefined }).outcome).toBe('accepted');
  });
});
