import { expect, test } from 'vitest';

import { entryInstant, newEntryId } from '../../../src/usage/entry-id.ts';

test('the id of an entry leads to its instant', () => {
  for (const at of [0, Date.UTC(2026, 10, 1), Date.UTC(5000, 0, 1) + 1]) {
    expect(entryInstant(newEntryId(at))).toBe(at);
  }
});

test('ids ascend, within a millisecond too', () => {
  const instants = [1, 1, 1, 2, 35, 36, 1_295, 1_296, Date.UTC(2026, 10, 1)];
  const ids = instants.map(newEntryId);
  expect(ids.toSorted()).toEqual(ids);
});

test.each(['', 'ue_', 'ue_short', 'gr_0mhz3k9c00001k3v9x2mq7d', 'ue_0mhz3k9c00001k3v9x2mq7d_more'])(
  '%j is not the id of an entry',
  (id) => {
    expect(entryInstant(id)).toBeNull();
  },
);
