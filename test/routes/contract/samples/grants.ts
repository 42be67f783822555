import { maxSources } from '../../../../src/entitlements/core/source-cap.ts';
import { text } from '../../../helpers/json.ts';
import type { RouteSamples } from '../route-sample.ts';
import type { Ids, World } from '../world.ts';

const about = ({ user, feature }: Ids) => ({ user_id: user, feature_code: feature });
const reason = 'a sample';
const reversed = { valid_from: '2026-11-02T00:00:00Z', valid_to: '2026-11-01T00:00:00Z' };

/** A grant of a metered feature for a billing interval, which only prices have. */
const ofPeriod = ({ user, metered }: Ids) => ({
  ...{ user_id: user, feature_code: metered },
  value: { amount: 1, every: 'period' },
});

/** A grant of a feature to a user who has as many as are possible. */
async function beyondTheCap({ done, ids, fresh }: World) {
  const grant = { ...about(ids), user_id: fresh() };
  await done('POST', '/admin/grants/bulk', {
    grants: Array.from({ length: maxSources }, () => grant),
    reason,
  });
  return grant;
}

/** Operators' grants and revocations. */
export const grantSamples: RouteSamples = {
  'POST /api/v1/admin/grant': {
    ask: (ids) => ({ body: { ...about(ids), reason } }),
    problems: {
      window_invalid: ({ ids }) => ({ body: { ...about(ids), ...reversed, reason } }),
      period_not_allowed: ({ ids }) => ({ body: { ...ofPeriod(ids), reason } }),
      too_many_grants: async (world) => ({ body: { ...(await beyondTheCap(world)), reason } }),
    },
  },
  'POST /api/v1/admin/grants/bulk': {
    ask: (ids) => ({ body: { grants: [about(ids)], reason } }),
    problems: {
      window_invalid: ({ ids }) => ({
        body: { grants: [{ ...about(ids), ...reversed }], reason },
      }),
      period_not_allowed: ({ ids }) => ({ body: { grants: [ofPeriod(ids)], reason } }),
      too_many_grants: async (world) => ({
        body: { grants: [await beyondTheCap(world)], reason },
      }),
    },
  },
  'POST /api/v1/admin/revoke': {
    ask: (ids) => ({ body: { ...about(ids), reason } }),
    problems: {
      grant_not_found: () => ({ body: { grant_id: 'gr_nothing', reason } }),
      window_invalid: ({ ids }) => ({ body: { ...about(ids), ...reversed, reason } }),
    },
  },
  'DELETE /api/v1/admin/revocations/{id}': {
    make: async ({ done, ids, fresh }) => {
      const revoked = await done('POST', '/admin/revoke', {
        user_id: fresh(),
        feature_code: ids.feature,
        reason,
      });
      return { revocation: text(revoked, 'revocation', 'id') };
    },
    ask: ({ revocation }) => ({ params: { id: revocation }, query: { reason } }),
  },
  'GET /api/v1/admin/grants': { ask: (ids) => ({ query: about(ids) }) },
  'GET /api/v1/admin/revocations': { ask: (ids) => ({ query: about(ids) }) },
};
