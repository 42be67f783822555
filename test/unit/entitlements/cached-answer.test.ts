import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EntitlementsAnswer } from '../../../src/entitlements/answer.ts';
import {
  decodeAnswer,
  encodeAnswer,
  featureWord,
  finishAnswer,
} from '../../../src/entitlements/cached-answer.ts';

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
