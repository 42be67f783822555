import { describe, expect, it } from 'vitest';
import { bodyOf, typeOfChange } from '../../../src/outbound/core/message.ts';

const none = { gained: [], lost: [], changed: [] };

describe('the type of a change', () => {
  it.each(['gained', 'lost', 'changed'])('is `changed` if something was %s', (list) => {
    expect(typeOfChange({ ...none, [list]: ['export'] })).toBe('entitlements.changed');
  });

  it('is `rescheduled` if only later instants moved', () => {
    expect(typeOfChange(none)).toBe('entitlements.rescheduled');
  });
});

describe('a body', () => {
  const message = {
    type: 'entitlements.changed' as const,
    timestamp: '2026-11-30T00:00:00.000Z',
    data: { user_id: 'u_1', revision: 7, gained: ['export'] },
  };
  const entitlement = {
    ...{ feature_code: 'export', type: 'config' as const, valid_from: message.timestamp },
    ...{ valid_to: null, sources: [] },
  };
  const answer = (size: number) => ({
    revision: 8,
    entitlements: [{ ...entitlement, value: 'x'.repeat(size) }] as never[], // only the size matters
  });
  const overhead = Buffer.byteLength(bodyOf(message, answer(0)));

  it('contains the change and the answer with its revision', () => {
    expect(JSON.parse(bodyOf(message, answer(1)))).toMatchObject({
      ...message,
      data: { ...message.data, entitlements_revision: 8, entitlements: [{ value: 'x' }] },
    });
  });

  it('has fewer than 20,000 bytes: leaves out the entitlements at that size', () => {
    const largest = bodyOf(message, answer(19_999 - overhead));
    expect(Buffer.byteLength(largest)).toBe(19_999);
    expect(JSON.parse(largest)).not.toHaveProperty('data.truncated');
    expect(JSON.parse(bodyOf(message, answer(20_000 - overhead)))).toEqual({
      ...message,
      data: { ...message.data, truncated: true },
    });
  });

  it('counts bytes, not characters', () => {
    const answered = { revision: 8, entitlements: [{ ...entitlement, value: 'ü'.repeat(10_000) }] };
    expect(JSON.parse(bodyOf(message, answered as never))).toHaveProperty('data.truncated', true);
  });

  it('leaves out the lists of features, too, if they are what is large', () => {
    const gained = Array.from(
      { length: 300 },
      (_, number) => `feature_${number}_${'x'.repeat(80)}`,
    );
    const body = bodyOf({ ...message, data: { ...message.data, gained } }, answer(1));
    expect(JSON.parse(body)).toEqual({
      ...message,
      data: { user_id: 'u_1', revision: 7, truncated: true },
    });
  });

  it('of a test contains no answer', () => {
    expect(JSON.parse(bodyOf(message, null))).toEqual(message);
  });
});
