import { describe, expect, it } from 'vitest';
import { bucketsOf, endpointOf } from '../../src/platform/stripe-budget.ts';

describe('an endpoint, as Stripe counts it', () => {
  it.each([
    ['GET', '/v1/subscriptions/sub_1', 'GET /v1/subscriptions/:id'],
    ['GET', '/v1/subscriptions?customer=cus_1&limit=100', 'GET /v1/subscriptions'],
    ['POST', '/v1/checkout/sessions', 'POST /v1/checkout/sessions'],
    [
      'GET',
      '/v1/checkout/sessions/cs_1/line_items?limit=100',
      'GET /v1/checkout/sessions/:id/line_items',
    ],
    ['GET', '/v1/entitlements/active_entitlements', 'GET /v1/entitlements/active_entitlements'],
    ['GET', '/v1/products/gold/features', 'GET /v1/products/:id/features'],
    ['GET', '/v1/account', 'GET /v1/account'],
  ])('%s %s is %s', (method, path, endpoint) => {
    expect(endpointOf(method, path)).toBe(endpoint);
  });
});

describe('the share of the budget', () => {
  it('reconciliation takes ten a second at most, out of what is left to the background', () => {
    const endpoint = 'GET /v1/subscriptions';
    expect(bucketsOf('reconciliation', endpoint, 80)).toEqual([
      ...bucketsOf('background', endpoint, 80),
      { name: 'reconciliation', perSecond: 10 },
    ]);
  });

  it('an endpoint has a quarter of the whole', () => {
    expect(bucketsOf('buyers', 'GET /v1/prices/:id', 80)).toEqual([
      { name: 'all', perSecond: 80 },
      { name: 'GET /v1/prices/:id', perSecond: 20 },
    ]);
  });

  it('background work leaves a quarter of each free', () => {
    expect(bucketsOf('background', 'GET /v1/prices/:id', 80)).toEqual([
      { name: 'all', perSecond: 80 },
      { name: 'GET /v1/prices/:id', perSecond: 20 },
      { name: 'background all', perSecond: 60 },
      { name: 'background GET /v1/prices/:id', perSecond: 15 },
    ]);
  });
});
