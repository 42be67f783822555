import { describe, expect, it } from 'vitest';
import {
  figuresOf,
  forbiddenErrors,
  forbiddenOld,
  kindOf,
  table,
} from '../../../src/dev/faults/figures.ts';
import type { Served } from '../../../src/dev/faults/balancer.ts';
import { judge, User } from '../../../src/dev/faults/oracle.ts';
import type { Phase } from '../../../src/dev/faults/plan.ts';

/** Somebody who was granted `beta` between 100 and 200 and lost it between 300 and 400. */
function granted(): User {
  const user = new User('u_1');
  const register = user.words.beta;
  register.begin('granted', 100).by = 200;
  register.begin('revoked', 300).by = 400;
  return user;
}

const on = { beta: true };
const off = { beta: null };

describe('the oracle', () => {
  it('lets both answers pass while a change is under way, and only the new one after it', () => {
    const user = granted();
    const kindAt = (askedAt: number, told: typeof on | typeof off): string =>
      judge(user, { askedAt, answeredAt: askedAt + 10 }, told).kind;

    expect(kindAt(50, on)).toBe('wrong');
    expect(kindAt(50, off)).toBe('right');
    expect(kindAt(150, on)).toBe('right');
    expect(kindAt(150, off)).toBe('right');
    expect(kindAt(250, on)).toBe('right');
    expect(kindAt(250, off)).toBe('old');
    expect(kindAt(350, on)).toBe('right');
    expect(kindAt(350, off)).toBe('right');
    expect(kindAt(450, off)).toBe('right');
  });

  it('says of an old answer how old it is, and what it lacks', () => {
    const user = granted();

    const judgement = judge(user, { askedAt: 450, answeredAt: 460 }, on);

    const change = user.words.beta.last === 'revoked' ? user.words.beta.changes[2] : undefined;
    expect(judgement).toEqual({ kind: 'old', lagMs: 50, change });
  });

  it('goes by the whole time between question and answer', () => {
    const user = granted();

    expect(judge(user, { askedAt: 90, answeredAt: 150 }, on).kind).toBe('right');
    expect(judge(user, { askedAt: 390, answeredAt: 900 }, on).kind).toBe('right');
    expect(judge(user, { askedAt: 400, answeredAt: 900 }, on).kind).toBe('old');
  });

  it('allows what was never acknowledged either way, for ever', () => {
    const user = new User('u_1');
    user.plan.begin('pro', 100);

    expect(judge(user, { askedAt: 9_000, answeredAt: 9_001 }, { notebooks: 10 }).kind).toBe(
      'right',
    );
    expect(judge(user, { askedAt: 9_000, answeredAt: 9_001 }, { notebooks: null }).kind).toBe(
      'right',
    );
  });

  it('knows that sources add up, and that the last word of an operator wins', () => {
    const user = new User('u_1', true);
    user.plan.begin('team', 0).by = 1;
    user.pass.begin(true, 2).by = 3;
    expect(user.answer).toEqual({ export: true, notebooks: 'unlimited', beta: null, club: true });
    user.plan.begin('none', 4).by = 5;
    expect(user.answer).toEqual({ export: true, notebooks: null, beta: null, club: true });
    user.words.export.begin('revoked', 6).by = 7;
    expect(user.answer).toEqual({ export: null, notebooks: null, beta: null, club: true });
  });

  it('takes a combination that never was for wrong', () => {
    const user = new User('u_1');
    user.plan.begin('pro', 100).by = 110;
    const asked = { askedAt: 500, answeredAt: 501 };

    expect(judge(user, asked, { export: true, notebooks: 'unlimited' }).kind).toBe('wrong');
  });
});

const phases: Phase[] = [
  { fault: 'killed', from: 1_000, to: 2_000 },
  { fault: 'redis', from: 3_000, to: 4_000 },
  { fault: 'postgres', from: 5_000, to: 6_000 },
];

function served(startedAt: number, status: number, more: Partial<Served> = {}): Served {
  const path = '/api/v1/entitlements';
  const base = { method: 'GET', path, startedAt, endedAt: startedAt + 100, status };
  return { ...base, code: null, by: 'A', tries: 1, ...more };
}

describe('the figures', () => {
  it('allow a 503 while Postgres is away, a cut connection of a killed instance, and no other error', () => {
    const notReady = { code: 'not_ready' };
    const cut = { by: null, method: 'POST', path: '/api/v1/admin/grant' };
    const allowed = [served(5_100, 503, notReady), served(1_000, 502, cut), served(100, 200)];
    const others = [
      served(100, 503, notReady),
      served(5_100, 500, { code: 'internal_error' }),
      served(3_100, 502, cut),
      served(5_100, 503, { code: 'overloaded' }),
    ];

    expect(forbiddenErrors(figuresOf(allowed, phases))).toEqual([]);
    for (const other of others) {
      expect(forbiddenErrors(figuresOf([...allowed, other], phases))).toHaveLength(1);
    }
  });

  it('measure an outage from the first failure to the end of the next success', () => {
    const [figures] = figuresOf(
      [served(0, 200), served(5_000, 503), served(5_500, 503), served(5_900, 200)],
      phases,
    );

    expect(figures?.longestOutageMs).toBe(1_000);
    expect(table(figures === undefined ? [] : [figures])).toContain('Postgres away: 2 × 503');
  });

  it('excuse an old answer only where the change fell into an outage of Redis, and only for the time to live', () => {
    const old = (from: number, by: number, lagMs: number) => ({
      ...{ user: 'u_1', lagMs },
      change: { value: true, from, by },
    });

    expect(forbiddenOld([old(3_500, 3_600, 900)], phases, 1)).toEqual([]);
    expect(forbiddenOld([old(3_500, 3_600, 1_100)], phases, 1)).toHaveLength(1);
    expect(forbiddenOld([old(100, 200, 10)], phases, 1)).toHaveLength(1);
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
