import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { answerAt, type EntitlementsAnswer } from '../../../src/entitlements/core/answer.ts';
import type { Segment } from '../../../src/entitlements/core/facts.ts';
import {
  cacheFormat,
  decodeAnswer,
  encodeAnswer,
  featureWord,
  finishAnswer,
} from '../../../src/entitlements/read/cached-answer.ts';

const code = fc.stringMatching(/^[a-z0-9][a-z0-9_.-]{0,5}$/);
const instant = fc.integer({ min: 0, max: 253_402_300_799_999 });
const isoInstant = instant.map((at) => new Date(at).toISOString());

/** Texts with spaces and line breaks among them, which the format must not take for its own. */
const text = fc.oneof(fc.string(), fc.constantFrom('\n\n', '\na null true\n', '!revoked', ' '));
const value = fc.oneof(
  fc.constant(true),
  fc.nat(),
  text,
  fc.array(text),
  fc.dictionary(text, fc.oneof(text, fc.nat(), fc.boolean())),
);

const granted = fc.record({
  feature_code: code,
  type: fc.constantFrom('boolean' as const, 'limit' as const, 'config' as const),
  value,
  valid_from: fc.option(isoInstant),
  valid_to: fc.option(isoInstant),
  sources: fc.array(fc.record({ type: fc.constant('grant' as const), id: text })),
});

const answers: fc.Arbitrary<EntitlementsAnswer> = fc
  .record({
    revision: fc.nat(),
    user_id: fc.string({ minLength: 1 }),
    next: fc.option(isoInstant),
    granted: fc.uniqueArray(granted, { selector: ({ feature_code }) => feature_code }),
    denied: fc.dictionary(code, fc.constantFrom('revoked' as const, 'expired' as const)),
  })
  .map(({ revision, user_id, next, granted: entitlements, denied }) => ({
    body: { project_id: 'notes', user_id, revision, entitlements, next_change_at: next },
    denied: Object.fromEntries(
      Object.entries(denied).filter(([name]) =>
        entitlements.every(({ feature_code }) => feature_code !== name),
      ),
    ),
  }));

describe('a cached answer', () => {
  it('comes out of the text as it went in, as long as it holds', () => {
    fc.assert(
      fc.property(answers, fc.option(instant), (answer, recordedAt) => {
        const finished = finishAnswer(answer, recordedAt);
        const text = encodeAnswer(finished);
        expect(decodeAnswer(text, (finished.nextChangeAt ?? 1) - 1)).toEqual(finished);
        expect(decodeAnswer(text, finished.nextChangeAt ?? Infinity)).toEqual(
          finished.nextChangeAt === null ? finished : null,
        );
        expect(JSON.parse(finished.bodyText)).toEqual(JSON.parse(JSON.stringify(answer.body)));
      }),
    );
  });

  it('says of each feature what its list says, and nothing of any other', () => {
    fc.assert(
      fc.property(answers, code, (answer, other) => {
        const finished = decodeAnswer(encodeAnswer(finishAnswer(answer, 0)), -1);
        if (finished === null) throw new Error('it holds for ever');
        for (const { feature_code, value, valid_to } of answer.body.entitlements) {
          expect(featureWord(finished, feature_code)).toEqual({
            allowed: true,
            value: JSON.stringify(value),
            validTo: JSON.stringify(valid_to),
          });
        }
        for (const [name, reason] of Object.entries(answer.denied)) {
          expect(featureWord(finished, name)).toEqual({ allowed: false, reason });
        }
        const told = new Set([
          ...answer.body.entitlements.map(({ feature_code }) => feature_code),
          ...Object.keys(answer.denied),
        ]);
        if (!told.has(other)) expect(featureWord(finished, other)).toBeNull();
      }),
    );
  });
});

/** The text of the same timeline in each format. A change of the text or of the body adds a line. */
const samples: Readonly<Record<number, string>> = {
  1: [
    '1 1796083200000 7 "7-mvx2cqo0-mx3xkao0"',
    'export "2026-12-01T00:00:00.000Z" true',
    'seats !revoked',
    '',
    '{"project_id":"notes","user_id":"u_1","revision":7,"entitlements":[{"feature_code":"export","type":"boolean","value":true,"valid_from":"2026-11-01T00:00:00.000Z","valid_to":"2026-12-01T00:00:00.000Z","sources":[{"type":"grant","id":"gr_1"}]}],"next_change_at":"2026-12-01T00:00:00.000Z"}',
  ].join('\n'),
};

describe('the format of the cached text', () => {
  const ofGrant: Segment = {
    featureCode: 'export',
    featureType: 'boolean',
    reason: 'granted',
    value: true,
    sources: [{ type: 'grant', id: 'gr_1' }],
    validFrom: Date.parse('2026-11-01T00:00:00.000Z'),
    validTo: Date.parse('2026-12-01T00:00:00.000Z'),
  };
  const answer = answerAt(
    { projectId: 'notes', userId: 'u_1', revision: 7 },
    [
      ofGrant,
      { ...ofGrant, featureCode: 'seats', featureType: 'limit', reason: 'revoked', value: null },
    ],
    Date.parse('2026-11-15T00:00:00.000Z'),
  );

  it('has another version with every change: raise `cacheFormat`, and add its sample', () => {
    const text = encodeAnswer(finishAnswer(answer, Date.parse('2026-11-01T00:00:00.000Z')));
    expect(text).toBe(samples[cacheFormat]);
  });

  it('is a miss where another release wrote the text', () => {
    const ours = encodeAnswer(finishAnswer(answer, 0));
    const foreign = [
      ours.replace(/^\d+/, String(cacheFormat + 1)),
      ours.replace(/^\d+ /, ''),
      JSON.stringify(answer.body),
      '',
    ];
    for (const text of foreign) expect(decodeAnswer(text, 0)).toBeNull();
  });

  it('reads as an answer that has ended to the release that knew no versions', () => {
    expect(cacheFormat).toBeLessThan(Date.parse('2026-01-01T00:00:00.000Z'));
  });
});
