import { expect, it } from 'vitest';
import { liveSecrets, newSecret } from '../../../src/outbound/secrets.ts';

const now = Date.parse('2026-11-30T00:00:00.000Z');
const previous = (secret: string, until: number) => ({
  secret,
  until: new Date(until).toISOString(),
});

it('the present secret signs first, the previous ones until their overlaps end', () => {
  const endpoint = { secret: 'c', previousSecrets: [previous('b', now + 1), previous('a', now)] };
  expect(liveSecrets(endpoint, now)).toEqual(['c', 'b']);
  expect(liveSecrets(endpoint, now - 1)).toEqual(['c', 'b', 'a']);
  expect(liveSecrets(endpoint, now + 1)).toEqual(['c']);
});

it('a new secret is 32 random bytes', () => {
  const [one, other] = [newSecret(), newSecret()];
  expect(one).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  expect(one).not.toBe(other);
});
