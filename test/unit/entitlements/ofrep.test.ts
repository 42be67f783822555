import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  changeTag,
  errorCodeOf,
  evaluationText,
  revisionOfTag,
} from '../../../src/entitlements/core/ofrep.ts';
import type { FeatureWord } from '../../../src/entitlements/read/cached-answer.ts';

const granted = (value: unknown, validTo: string | null = null): FeatureWord => ({
  allowed: true,
  value: JSON.stringify(value),
  validTo: JSON.stringify(validTo),
});

function evaluation(type: 'boolean' | 'limit' | 'config', word: FeatureWord | null): unknown {
  return JSON.parse(evaluationText('the.code-1', type, word, 17));
}

const end = '2026-11-01T00:00:00.000Z';

describe('a granted feature', () => {
  it.each<['boolean' | 'limit' | 'config', unknown]>([
    ['boolean', true],
    ['limit', 5],
    ['config', { dark: true, list: [1, 'a"b'] }],
    ['config', 'unlimited'],
    ['config', 7],
    ['config', false],
  ])('of type %s with the value %j is that value', (type, value) => {
    expect(evaluation(type, granted(value))).toEqual({
      key: 'the.code-1',
      value,
      reason: 'TARGETING_MATCH',
      variant: 'granted',
      metadata: { reason: 'granted', revision: 17 },
    });
  });

  it('without a limit is the largest exact number, and says so', () => {
    expect(evaluation('limit', granted('unlimited', end))).toMatchObject({
      value: 9_007_199_254_740_991,
      metadata: { reason: 'granted', revision: 17, unlimited: true, valid_to: end },
    });
  });
});

describe('a denied feature', () => {
  it.each([
    ['boolean', { value: false }],
    ['limit', { value: 0 }],
    ['config', {}],
  ] as const)('of type %s is %j', (type, value) => {
    expect(evaluation(type, { allowed: false, reason: 'expired' })).toEqual({
      key: 'the.code-1',
      ...value,
      reason: 'DISABLED',
      variant: 'denied',
      metadata: { reason: 'expired', revision: 17 },
    });
  });

  it('that never had a source has none', () => {
    expect(evaluation('boolean', null)).toMatchObject({ metadata: { reason: 'no_source' } });
  });
});

describe('the tag of a change', () => {
  it('carries its revision, and any other text none', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), (revision, at) => {
        expect(revisionOfTag(changeTag(revision, at))).toBe(revision);
      }),
    );
    for (const tag of [undefined, '', 'x', '"', '"-1"', '"ZZ-1"', '"zzzzzzzzzzzzzzzz-1"']) {
      expect(revisionOfTag(tag)).toBe(0);
    }
    fc.assert(
      fc.property(fc.string(), (tag) => {
        expect(Number.isSafeInteger(revisionOfTag(tag))).toBe(true);
      }),
    );
  });
});

describe('the code of a problem', () => {
  const key = { context: { targetingKey: 'u_1' } };
  it.each<[string, string, string[], unknown]>([
    ['FLAG_NOT_FOUND', 'feature_not_found', ['feature_code'], key],
    ['PARSE_ERROR', 'bad_request', [], undefined],
    ['PARSE_ERROR', 'bad_request', [''], undefined],
    ['PARSE_ERROR', 'unsupported_media_type', [], undefined],
    ['PARSE_ERROR', 'payload_too_large', [], undefined],
    ['TARGETING_KEY_MISSING', 'bad_request', ['context.targetingKey'], {}],
    ['TARGETING_KEY_MISSING', 'bad_request', ['context.targetingKey'], { context: {} }],
    [
      'TARGETING_KEY_MISSING',
      'bad_request',
      ['context.targetingKey'],
      { context: { targetingKey: '' } },
    ],
    ['INVALID_CONTEXT', 'bad_request', ['context.targetingKey'], { context: { targetingKey: 4 } }],
    ['GENERAL', 'bad_request', ['not_known'], key],
    ['GENERAL', 'unauthorized', [], undefined],
    ['GENERAL', 'internal_error', [], key],
  ])('%s: %s at %j', (code, problem, paths, body) => {
    expect(errorCodeOf(problem, paths, body)).toBe(code);
  });
});
