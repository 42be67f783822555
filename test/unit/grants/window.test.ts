import { describe, expect, it } from 'vitest';
import { windowOf } from '../../../src/grants/window.ts';

const now = Date.parse('2026-11-24T09:00:00.000Z');
const invalid: unknown = expect.objectContaining({ code: 'window_invalid' });

describe('windowOf', () => {
  it('starts now and stays open unless it says otherwise', () => {
    expect(windowOf({}, now)).toEqual({ validFrom: now, validTo: null });
  });

  it('may lie in the past', () => {
    expect(windowOf({ valid_from: now - 2_000, valid_to: now - 1_000 }, now)).toEqual({
      validFrom: now - 2_000,
      validTo: now - 1_000,
    });
  });

  it('may be a millisecond long', () => {
    expect(windowOf({ valid_from: now, valid_to: now + 1 }, now).validTo).toBe(now + 1);
  });

  it('refuses an empty and a reversed window', () => {
    expect(() => windowOf({ valid_from: now, valid_to: now }, now)).toThrow(invalid);
    expect(() => windowOf({ valid_from: now, valid_to: now - 1 }, now)).toThrow(invalid);
  });

  it('refuses an end in the past where the start is left out', () => {
    expect(() => windowOf({ valid_to: now }, now)).toThrow(invalid);
  });
});
