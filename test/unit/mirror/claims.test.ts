import { describe, expect, it } from 'vitest';
import {
  claimsSession,
  type Intent,
  type Link,
  type Named,
  ownerOfCustomer,
  ownerOfObject,
  type Verdict,
} from '../../../src/mirror/core/claims.ts';

const ann = { projectId: 'notes', userId: 'ann' };
const bob = { projectId: 'notes', userId: 'bob' };
const eve = { projectId: 'rival', userId: 'eve' };
const notes: Named = { projectId: 'notes', userId: null };
const rival: Named = { projectId: 'rival', userId: null };
const linked = (to: typeof ann, linkedBy: string): Link => ({ ...to, linkedBy });

describe('a customer', () => {
  it.each<[string, Link | null, Named | null, Verdict]>([
    ['is nobody’s that nothing tells of', null, null, undefined],
    ['is the user’s whom its metadata name', null, ann, ann],
    ['of a project alone is nobody’s', null, notes, undefined],
    ['stays linked without metadata', linked(ann, 'operator'), null, ann],
    ['stays linked whatever its metadata name in the project', linked(ann, 'metadata'), bob, ann],
    ['stays linked where its metadata name the project alone', linked(ann, 'operator'), notes, ann],
    ['goes to another project’s user', linked(ann, 'operator'), eve, eve],
    ['of a checkout goes there too', linked(ann, 'checkout'), eve, eve],
    ['of another project is nobody’s without a user', linked(ann, 'operator'), rival, null],
  ])('%s', (_, link, named, owner) => {
    const verdict = ownerOfCustomer(link, named);
    if (owner === undefined || owner === null) expect(verdict).toBe(owner);
    else expect(verdict).toMatchObject(owner);
  });
});

describe('a subscription or session', () => {
  const unlinked = { owner: undefined, byOperator: false };
  const byMetadata = { owner: ann, byOperator: false };
  const byOperator = { owner: ann, byOperator: true };
  it.each<
    [string, typeof ann | undefined, Named | null, typeof unlinked | typeof byMetadata, Verdict]
  >([
    ['is its intent’s before all else', bob, eve, byOperator, bob],
    ['is its linked customer’s before its own metadata', undefined, bob, byOperator, ann],
    ['is its metadata’s before its customer’s', undefined, bob, byMetadata, bob],
    ['is another project’s that its metadata name', undefined, eve, byOperator, eve],
    ['is another project’s though nobody is named', undefined, rival, byOperator, null],
    ['is its customer’s where the project alone is named', undefined, notes, byMetadata, ann],
    ['is its customer’s where nothing is named', undefined, null, byMetadata, ann],
    ['stays whose it is where nothing tells', undefined, null, unlinked, undefined],
    ['stays whose it is where a project alone tells', undefined, notes, unlinked, undefined],
  ])('%s', (_, intended, named, customer, owner) => {
    expect(ownerOfObject(intended, named, customer)).toEqual(owner);
  });

  it('of a customer that is nobody’s from now on is nobody’s too, unless its metadata name a user', () => {
    const nobodys = { owner: null, byOperator: false };
    expect(ownerOfObject(undefined, null, nobodys)).toBeNull();
    expect(ownerOfObject(undefined, notes, nobodys)).toBeNull();
    expect(ownerOfObject(undefined, bob, nobodys)).toEqual(bob);
  });
});

describe('an intent', () => {
  const intent: Intent = { ...ann, id: 'ci_1', sessionId: null, priceIds: ['price_a', 'price_b'] };
  const session = {
    id: 'cs_1',
    clientReferenceId: 'ci_1',
    metadataProjectId: 'notes',
    priceIds: ['price_b', 'price_a'],
  };

  it('claims its own session, whatever that says by now', () => {
    const known = { ...intent, sessionId: 'cs_1' };
    expect(claimsSession(known, { ...session, priceIds: [], metadataProjectId: null })).toBe(true);
    expect(claimsSession(known, { ...session, id: 'cs_2' })).toBe(false);
  });

  it('claims the session of a lost answer by project and prices', () => {
    expect(claimsSession(intent, session)).toBe(true);
  });

  it.each([
    { clientReferenceId: 'ci_2' },
    { clientReferenceId: null },
    { metadataProjectId: 'rival' },
    { metadataProjectId: null },
    { priceIds: ['price_a'] },
    { priceIds: ['price_a', 'price_b', 'price_c'] },
    { priceIds: [] },
  ])('claims no other: %j', (more) => {
    expect(claimsSession(intent, { ...session, ...more })).toBe(false);
  });
});
