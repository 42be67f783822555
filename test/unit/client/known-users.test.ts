import { describe, expect, it } from 'vitest';
import { toKnown } from '../../../src/client/core/answer.ts';
import { KnownUsers } from '../../../src/client/known-users.ts';
import { answerOf } from './answers.ts';

const known = (userId: string) => toKnown(answerOf(userId), 0);

describe('what the client keeps of users', () => {
  it('is bounded', () => {
    const users = new KnownUsers(3);
    for (const id of ['ann', 'bo', 'cy', 'di', 'ed']) users.set(id, known(id));
    expect(users.size).toBe(3);
  });

  it('forgets users that were not used, and keeps those that were', () => {
    const users = new KnownUsers(3);
    for (const id of ['ann', 'bo', 'cy', 'di']) users.set(id, known(id));
    // The eviction of `ann` cleared every user's mark; only these two are used since.
    users.get('bo');
    users.get('di');
    users.set('ed', known('ed'));
    expect(['ann', 'bo', 'cy', 'di', 'ed'].filter((id) => users.get(id) !== undefined)).toEqual([
      'bo',
      'di',
      'ed',
    ]);
  });

  it('replaces the answer of a user that it has without forgetting another', () => {
    const users = new KnownUsers(2);
    users.set('ann', known('ann'));
    users.set('bo', known('bo'));
    users.set('ann', toKnown({ ...answerOf('ann'), revision: 2 }, 0));
    expect(users.get('ann')?.answer.revision).toBe(2);
    expect(users.get('bo')?.answer).toEqual(answerOf('bo'));
  });
});
