import { describe, expect, it } from 'vitest';
import { figuresOf, kindOf, table } from '../../faults/figures.ts';
import { forbiddenErrors, forbiddenOld } from '../../faults/forbidden.ts';
import { User } from '../../faults/oracle.ts';
import { goodRun, notReady, phases, served } from './run.ts';

describe('errors', () => {
  const forbidden = (...more: Parameters<typeof figuresOf>[0]): string[] =>
    forbiddenErrors(figuresOf([...goodRun.served, ...more], phases), 'A');

  it('may be a 503 while Postgres is away, and what the killed instance was at', () => {
    expect(forbidden()).toEqual([]);
  });

  it.each([
    ['a 503 before Postgres is away', served('reads', 100, 503, notReady)],
    ['a 503 after it', served('reads', 6_001, 503, notReady)],
    ['a 503 of a service that is too busy', served('reads', 5_100, 503, { code: 'overloaded' })],
    ['a failure of the service', served('reads', 5_100, 500, { code: 'internal_error' })],
    ['a failure of Stripe', served('checkouts', 100, 502, { code: 'stripe_unavailable' })],
    ['a refused key', served('reads', 100, 401, { code: 'unauthorized' })],
    ['a read that finds nothing', served('reads', 100, 404, { code: 'project_not_found' })],
    ['a page that finds nothing', served('success pages', 100, 404, { code: 'session_not_found' })],
    ['a purchase that is refused', served('checkouts', 100, 409, { code: 'already_subscribed' })],
    ['a connection cut later', served('operators', 3_100, 502, { by: null, cutBy: ['A'] })],
    ['one cut by another', served('operators', 1_000, 502, { by: null, cutBy: ['B'] })],
    ['nobody to ask', served('reads', 1_000, 502, { by: null, refusedBy: ['A', 'B', 'C'] })],
    ['one that stops and cuts', served('reads', 2_600, 200, { by: 'C', cutBy: ['B'] })],
    ['one that stops too soon', served('reads', 2_600, 200, { by: 'C', refusedBy: ['B'] })],
  ])('may not be %s', (_what, request) => {
    expect(forbidden(request)).toHaveLength(1);
  });
});

describe('an old answer', () => {
  /** A user who was granted `beta`, and later `export`. */
  function granted(
    beta: { from: number; by: number },
    exported: { from: number; by: number },
  ): User {
    const user = new User('u_1');
    user.words.beta.begin('granted', beta.from).by = beta.by;
    user.words.export.begin('granted', exported.from).by = exported.by;
    return user;
  }
  const old = (user: User, askedAt: number) => ({
    ...{ user, asked: { askedAt, answeredAt: askedAt + 10 }, lagMs: 0 },
    told: { export: null, beta: null },
  });
  const inOutage = { from: 3_500, by: 3_600 };
  const afterIt = { from: 4_001, by: 4_100 };

  it('may lack what was changed while Redis was away, for the time to live', () => {
    const user = granted(inOutage, { from: 3_700, by: 3_800 });

    expect(forbiddenOld([old(user, 4_500)], phases, 1)).toEqual([]);
    expect(forbiddenOld([old(user, 4_601)], phases, 1)).toHaveLength(1);
  });

  it('may not lack what was changed at another time, also not beside what it may lack', () => {
    expect(forbiddenOld([old(granted(inOutage, afterIt), 4_500)], phases, 1)).toHaveLength(1);
    expect(
      forbiddenOld([old(granted({ from: 1, by: 2 }, inOutage), 3_900)], phases, 1),
    ).toHaveLength(1);
  });
});

describe('the figures', () => {
  it('measure an outage from the first failure to the end of the next success', () => {
    const requests = [200, 503, 503, 200].map((status, at) => served('reads', at * 1_000, status));
    const [figures] = figuresOf(requests, phases);

    expect(figures?.longestOutageMs).toBe(2_100);
    expect(table(figures === undefined ? [] : [figures])).toContain('one killed: 2 × 503');
  });

  it('measure one that has no end up to its last failure', () => {
    const requests = [200, 503, 503].map((status, at) => served('reads', at * 1_000, status));

    expect(figuresOf(requests, phases)[0]?.longestOutageMs).toBe(1_100);
  });

  it('show what another instance had to answer', () => {
    expect(table(figuresOf(goodRun.served, phases))).toContain('one killed: 1 × refused by A');
  });

  it('know the kinds of requests apart', () => {
    const kinds = [
      ['GET', '/api/v1/entitlements/check', 'reads'],
      ['POST', '/api/v1/admin/revoke', 'operators'],
      ['POST', '/api/v1/webhooks/stripe', 'webhooks'],
      ['GET', '/api/v1/checkout/sessions/cs_1', 'success pages'],
      ['GET', '/ready', null],
    ] as const;
    for (const [method, path, kind] of kinds) expect(kindOf({ method, path })).toBe(kind);
  });
});
