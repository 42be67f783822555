import { randomText } from '../platform/ids.ts';

const prefix = 'ue_';
const timeLength = 9;
const countLength = 4;
const limit = 36 ** countLength;

let count = 0;

/**
 * Returns a new id of an entry. It begins with the entry's instant, so that the id leads to the entry's
 * partition, and ids of one process ascend within a millisecond.
 *
 * @param at whole epoch milliseconds.
 */
export function newEntryId(at: number): string {
  count = (count + 1) % limit;
  return `${prefix}${digits(at, timeLength)}${digits(count, countLength)}${randomText(10)}`;
}

/** Returns the instant in an entry's id, epoch milliseconds; null if it is not the id of an entry. */
export function entryInstant(id: string): number | null {
  const [, time] = /^ue_([0-9a-z]{9})[0-9a-z]{14}$/.exec(id) ?? [];
  return time === undefined ? null : parseInt(time, 36);
}

function digits(value: number, length: number): string {
  return value.toString(36).padStart(length, '0');
}
