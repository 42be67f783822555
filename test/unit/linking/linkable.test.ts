import { expect, it } from 'vitest';
import {
  type CustomerClaims,
  judgeLink,
  type LinkVerdict,
} from '../../../src/linking/core/linkable.ts';

const ann = { projectId: 'notes', userId: 'ann' };
const bob = { projectId: 'notes', userId: 'bob' };
const eve = { projectId: 'rival', userId: 'eve' };
const notes = { projectId: 'notes', userId: null };
const rival = { projectId: 'rival', userId: null };

const nothing: CustomerClaims = {
  link: null,
  named: null,
  namedByObjects: [],
  owners: [],
  sellers: [],
};

it.each<[string, Partial<CustomerClaims>, LinkVerdict, LinkVerdict]>([
  ['nobody’s', {}, 'not_found', 'free'],
  ['the project’s by metadata', { named: notes }, 'free', 'free'],
  ['the user’s by metadata', { named: ann }, 'free', 'free'],
  ['another user’s by metadata', { named: bob }, 'linked', 'linked'],
  ['another project’s by metadata', { named: rival }, 'not_found', 'linked'],
  ['the user’s by a link', { link: ann }, 'free', 'free'],
  ['another user’s by a link', { link: bob }, 'linked', 'linked'],
  ['another project’s by a link', { link: eve }, 'not_found', 'linked'],
  ['the project’s by what it has', { namedByObjects: [notes] }, 'free', 'free'],
  ['another user’s by what it has', { namedByObjects: [notes, bob] }, 'linked', 'linked'],
  ['another project’s by what it has', { namedByObjects: [eve] }, 'not_found', 'free'],
  ['of both projects by what it has', { namedByObjects: [ann, rival] }, 'not_found', 'free'],
  ['the user’s by what is held', { owners: [ann] }, 'free', 'free'],
  ['another user’s by what is held', { owners: [bob] }, 'linked', 'linked'],
  ['another project’s by what is held', { owners: [eve] }, 'not_found', 'free'],
  ['a buyer of the project’s goods', { sellers: ['notes'] }, 'free', 'free'],
  ['a buyer of both projects’ goods', { sellers: ['notes', 'rival'] }, 'not_found', 'free'],
  [
    'the project’s by metadata, and a buyer elsewhere',
    { named: notes, sellers: ['rival'] },
    'free',
    'free',
  ],
  [
    'the user’s by a link, and a buyer elsewhere',
    { link: ann, sellers: ['rival'] },
    'free',
    'free',
  ],
  [
    'the project’s by what it has, and a buyer elsewhere',
    { namedByObjects: [notes], sellers: ['rival'] },
    'not_found',
    'free',
  ],
  ['a buyer of another’s goods alone', { sellers: ['rival'] }, 'not_found', 'free'],
  [
    'another project’s, and a buyer here',
    { named: eve, sellers: ['notes'] },
    'not_found',
    'linked',
  ],
])('a customer that is %s', (_, claims, byKey, byPlatform) => {
  expect(judgeLink(ann, false, { ...nothing, ...claims })).toBe(byKey);
  expect(judgeLink(ann, true, { ...nothing, ...claims })).toBe(byPlatform);
});
