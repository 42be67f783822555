import { describe, expect, it } from 'vitest';
import { judge, User } from '../../faults/oracle.ts';

/** A user who was granted `beta` between 100 and 200 and lost it between 300 and 400. */
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

  it('says of an old answer how old it is', () => {
    expect(judge(granted(), { askedAt: 450, answeredAt: 460 }, on)).toEqual({
      kind: 'old',
      lagMs: 50,
    });
    expect(judge(granted(), { askedAt: 250, answeredAt: 260 }, off)).toEqual({
      kind: 'old',
      lagMs: 50,
    });
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
