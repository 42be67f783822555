import type { Answer } from '../../../src/client/index.ts';

/** Returns an answer of the service: by default, `export` without an end. */
export function answerOf(userId: string, given: Partial<Answer> = {}): Answer {
  return {
    project_id: 'notes',
    user_id: userId,
    revision: 1,
    next_change_at: null,
    entitlements: [entitlementOf('export')],
    denied: { notebooks: 'no_source' },
    ...given,
  };
}

/** Returns one entitlement of an answer. */
export function entitlementOf(
  code: string,
  given: Partial<Answer['entitlements'][number]> = {},
): Answer['entitlements'][number] {
  return {
    feature_code: code,
    type: 'boolean',
    value: true,
    valid_from: '2026-11-01T00:00:00.000Z',
    valid_to: null,
    sources: [],
    ...given,
  };
}
