import { describe, expect, it } from 'vitest';
import type { CustomerRow, SubscriptionRow } from '../../../src/mirror/core/rows.ts';
import { snapshotOf } from '../../../src/mirror/core/stripe-snapshot.ts';
import { classifyFinding } from '../../../src/reconciliation/core/classify-finding.ts';
import {
  type Difference,
  differences,
  type StoredObjects,
} from '../../../src/reconciliation/core/diff.ts';
import {
  type AllowedSegment,
  effectOn,
  loses,
  type UserEffect,
} from '../../../src/reconciliation/core/user-effect.ts';
import { isTooMuch } from '../../../src/reconciliation/losses.ts';
import { subscriptionRow } from '../../helpers/subscription-row.ts';

const now = Date.parse('2026-11-01T00:00:00.000Z');
const at = new Date(now);
const hourMs = 3_600_000;

const item = {
  id: 'si_1',
  subscriptionId: 'sub_1',
  priceId: 'price_1',
  productId: 'prod_1',
  quantity: 1,
  createdAt: at,
  currentPeriodStart: at,
  currentPeriodEnd: at,
  position: 0,
};
const subscription = subscriptionRow({ createdAt: at, startDate: at, items: [item] });
const customer: CustomerRow = {
  id: 'cus_1',
  email: 'ann@example.com',
  deleted: false,
  metadataProjectId: null,
  metadataUserId: null,
  createdAt: at,
};

function stored(rows: Record<string, object>, more: Partial<StoredObjects> = {}): StoredObjects {
  return {
    rows: new Map(Object.entries(rows)),
    misowned: new Set(),
    newer: new Set(),
    arrivals: new Map(),
    ...more,
  };
}

function compared(
  row: SubscriptionRow,
  local: object | undefined,
  more: Partial<StoredObjects> = {},
) {
  const snapshot = snapshotOf({ subscription: [row] });
  return differences(
    snapshot,
    stored(local === undefined ? {} : { 'subscription sub_1': local }, more),
  );
}

/** As the database gives it back. */
const same = { ...subscription, uid: 1n, effectiveStatus: 'active' };

describe('what differs', () => {
  it('nothing, where the mirror holds what Stripe shows, whatever else it holds', () => {
    expect(compared({ ...subscription, createdAt: new Date(now) }, same)).toEqual([]);
  });

  it('a field, on both sides', () => {
    expect(compared({ ...subscription, status: 'past_due', dunningAnchorAt: at }, same)).toEqual([
      {
        objectType: 'subscription',
        objectId: 'sub_1',
        local: { status: 'active', effectiveStatus: 'active', dunningAnchorAt: null },
        stripe: {
          status: 'past_due',
          effectiveStatus: 'past_due',
          dunningAnchorAt: at.toISOString(),
        },
      },
    ]);
  });

  it('an item that changed, one that came and one that went', () => {
    const [difference] = compared(
      {
        ...subscription,
        items: [
          { ...item, quantity: 2 },
          { ...item, id: 'si_2' },
        ],
      },
      { ...same, items: [item, { ...item, id: 'si_3' }] },
    );
    expect(difference?.stripe).toMatchObject({
      'items.si_1.quantity': 2,
      'items.si_2.priceId': 'price_1',
      'items.si_3.id': null,
    });
    expect(difference?.local).toMatchObject({
      'items.si_1.quantity': 1,
      'items.si_2.priceId': null,
      'items.si_3.id': 'si_3',
    });
  });

  it('an object that we do not have at all', () => {
    expect(compared(subscription, undefined)).toMatchObject([
      { local: null, stripe: { status: 'active', 'items.si_1.priceId': 'price_1' } },
    ]);
  });

  it('nothing that was fetched after the list', () => {
    const newer = new Set(['subscription sub_1']);
    expect(compared({ ...subscription, status: 'canceled' }, same, { newer })).toEqual([]);
  });

  it('the last known effect of a status that we do not know stays', () => {
    const unknown = { ...subscription, status: 'hibernating', pausedAt: null };
    const held = { ...same, status: 'hibernating', effectiveStatus: 'paused', pausedAt: at };
    expect(compared(unknown, held)).toEqual([]);
  });

  it('whose it is', () => {
    const misowned = new Set(['subscription sub_1']);
    expect(compared(subscription, same, { misowned })).toMatchObject([
      { local: { owner: 'withheld' }, stripe: { owner: 'withheld' } },
    ]);
  });

  it('an e-mail address, without saying which', () => {
    const snapshot = snapshotOf({ customer: [customer] });
    const held = { ...customer, email: 'other@example.com' };
    const found = differences(snapshot, stored({ 'customer cus_1': held }));
    expect(found).toMatchObject([{ local: { email: 'withheld' }, stripe: { email: 'withheld' } }]);
  });

  it('of a deleted customer only that it is deleted, and nothing where we never had it', () => {
    const gone = { ...customer, deleted: true, email: null, createdAt: null };
    const snapshot = snapshotOf({ customer: [gone] });
    expect(differences(snapshot, stored({ 'customer cus_1': customer }))).toMatchObject([
      { local: { deleted: false }, stripe: { deleted: true } },
    ]);
    expect(differences(snapshot, stored({}))).toEqual([]);
  });
});

const user = { uid: 1n, projectId: 'notes', userId: 'ann' };

function segment(changes: Partial<AllowedSegment>): AllowedSegment {
  return {
    uid: 1n,
    featureCode: 'export',
    value: true,
    validFrom: now - hourMs,
    validTo: null,
    before: true,
    after: true,
    ...changes,
  };
}

describe('the effect on a user', () => {
  it.each<[string, AllowedSegment[], Partial<UserEffect>, boolean]>([
    ['nothing', [segment({})], { gains: [], losses: [], lowered: [] }, false],
    ['a gain', [segment({ before: false })], { gains: ['export'] }, false],
    ['a loss', [segment({ after: false })], { losses: ['export'] }, true],
    [
      'an end within a day',
      [segment({ after: false }), segment({ before: false, validTo: now + hourMs })],
      { losses: ['export'], gains: [] },
      true,
    ],
    [
      'an end further ahead',
      [segment({ after: false }), segment({ before: false, validTo: now + 48 * hourMs })],
      { losses: [] },
      false,
    ],
    [
      'a lower limit',
      [segment({ value: 'unlimited', after: false }), segment({ value: 5, before: false })],
      { lowered: ['export'], losses: [] },
      true,
    ],
    [
      'a higher limit',
      [segment({ value: 4, after: false }), segment({ value: 5, before: false })],
      { lowered: [], losses: [] },
      false,
    ],
    ['what is over is no loss', [segment({ after: false, validTo: now })], { losses: [] }, false],
  ])('%s', (_name, segments, effect, worse) => {
    const found = effectOn(user, segments, now);
    expect(found).toMatchObject(effect);
    expect(loses(found)).toBe(worse);
  });
});

const none: UserEffect = { ...user, gains: [], losses: [], lowered: [] };
const gain = { ...none, gains: ['export'] };
const loss = { ...none, losses: ['export'] };

function difference(changes: Partial<Difference>): Difference {
  return { objectType: 'subscription', objectId: 'x', local: {}, stripe: {}, ...changes };
}

describe('a finding is', () => {
  it.each<[string, Difference, UserEffect[], boolean]>([
    ['paid_but_blocked', difference({ local: null }), [gain], true],
    ['unpaid_but_active', difference({ stripe: { status: 'canceled' } }), [loss], true],
    ['plan_mismatch', difference({ stripe: { 'items.si_1.priceId': 'p' } }), [gain], true],
    ['plan_mismatch', difference({ stripe: { status: 'active' } }), [gain, loss], true],
    ['quantity_mismatch', difference({ stripe: { 'items.si_1.quantity': 2 } }), [], true],
    ['window_mismatch', difference({ stripe: { cancelAt: 'later' } }), [], false],
    ['window_mismatch', difference({ stripe: { status: 'trialing' } }), [], true],
    ['orphan_at_stripe', difference({ local: null, stripe: { quantity: 1 } }), [], false],
    ['orphan_local', difference({ objectType: 'customer', stripe: { deleted: true } }), [], false],
    ['catalog_mismatch', difference({ objectType: 'price', stripe: { active: false } }), [], false],
    ['missed_event', difference({ stripe: { collectionMethod: 'x' } }), [], false],
    ['revenue_mismatch', difference({ objectType: 'invoice', stripe: { total: 1 } }), [], false],
  ])('%s', (type, found, effects, changed) => {
    expect(classifyFinding(found, effects, changed)).toBe(type);
  });
});

describe('losses are too much', () => {
  it.each([
    [100, 5, 5, false],
    [100, 6, 5, true],
    [120, 6, 5, false],
    [6, 5, 5, false],
    [1_000, 51, 5, true],
    [1_000, 50, 5, false],
    [1_000, 6, 0, true],
  ])('of %i entitled users %i, with %i %%: %s', (entitled, losers, percent, expected) => {
    expect(isTooMuch({ projectId: 'notes', entitled, losers }, percent)).toBe(expected);
  });
});
