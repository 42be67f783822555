import { describe, expectTypeOf, test } from 'vitest';

import type {
  answerAt,
  DeniedReason,
  EntitlementsBody,
} from '../../../src/entitlements/core/answer.ts';
import type { compute } from '../../../src/entitlements/core/compute.ts';
import type { Facts, Segment, SourceRef } from '../../../src/entitlements/core/facts.ts';
import type { Reason } from '../../../src/entitlements/core/reasons.ts';

describe('reasons', () => {
  test('a segment never says no_source', () => {
    expectTypeOf<Segment['reason']>().toEqualTypeOf<Exclude<Reason, 'no_source'>>();
  });

  test('what is denied never says granted, nor no_source', () => {
    expectTypeOf<DeniedReason>().toEqualTypeOf<
      'revoked' | 'payment_overdue' | 'not_yet_valid' | 'expired'
    >();
  });
});

describe('the clock', () => {
  test('has no way into the timeline: facts are all that it is computed from', () => {
    expectTypeOf<typeof compute>().parameters.toEqualTypeOf<[Facts]>();
  });

  test('is what an answer is read at', () => {
    expectTypeOf<typeof answerAt>().parameter(2).toEqualTypeOf<number>();
  });
});

describe('the body', () => {
  test('has the fields of the contract and no others', () => {
    expectTypeOf<keyof EntitlementsBody>().toEqualTypeOf<
      'project_id' | 'user_id' | 'revision' | 'entitlements' | 'next_change_at'
    >();
    expectTypeOf<keyof EntitlementsBody['entitlements'][number]>().toEqualTypeOf<
      'feature_code' | 'type' | 'value' | 'valid_from' | 'valid_to' | 'sources'
    >();
  });

  test('leaves the price out of a source that has none, rather than telling undefined', () => {
    expectTypeOf<{ type: 'grant'; id: string; price_id: undefined }>().not.toExtend<SourceRef>();
  });
});
