import { encodeFeedCursor } from '../../../../src/changes/core/cursor.ts';
import { requestTo } from '../../../helpers/service.ts';
import type { Ask, RouteSamples } from '../route-sample.ts';
import type { Ids, World } from '../world.ts';

const cursorOfAnotherDatabase = encodeFeedCursor({ database: '0123456789ab', position: 1n });

/** A cached answer would outlive Postgres, and meet none of its failures. */
function fromPostgres(query: Record<string, string>): Ask {
  return { query: { ...query, consistency: 'strong' } };
}

/** A user whose answer is not cached, for routes that cannot skip the cache. */
function notCached(world: World): Promise<Partial<Ids>> {
  return Promise.resolve({ user: world.fresh() });
}

/** The reads of micro-apps. */
export const readSamples: RouteSamples = {
  'GET /api/v1/entitlements': {
    ask: ({ user, feature }) => fromPostgres({ user_id: user, feature_code: feature }),
    problems: {
      revision_not_reached: ({ ids }) => ({ query: { user_id: ids.user, min_revision: '1000' } }),
    },
    statuses: {
      304: async (world) => {
        const query = { user_id: world.ids.user };
        const { headers } = await world.service.request(
          'GET',
          `/entitlements?user_id=${query.user_id}`,
          { key: world.key },
        );
        return { query, headers: { 'if-none-match': String(headers['etag']) } };
      },
    },
  },
  'GET /api/v1/entitlements/check': {
    ask: ({ user, feature }) => fromPostgres({ user_id: user, feature_code: feature }),
    problems: {
      revision_not_reached: ({ ids }) => ({
        query: { user_id: ids.user, feature_code: ids.feature, min_revision: '1000' },
      }),
    },
  },
  'POST /api/v1/entitlements/batch': {
    ask: ({ user, feature }) => ({ body: { user_ids: [user], feature_codes: [feature] } }),
  },
  'GET /api/v1/entitlements/document': {
    ask: ({ user }) => fromPostgres({ user_id: user }),
    problems: {
      documents_disabled: ({ ids, service }) => ({ query: { user_id: ids.user }, at: service.app }),
      revision_not_reached: ({ ids }) => ({ query: { user_id: ids.user, min_revision: '1000' } }),
    },
  },
  'GET /.well-known/jwks.json': {
    ask: () => ({}),
    problems: { documents_disabled: ({ service }) => ({ at: service.app }) },
  },
  'POST /ofrep/v1/evaluate/flags/{feature_code}': {
    make: notCached,
    ask: ({ user, feature }) => ({
      params: { feature_code: feature },
      body: { context: { targetingKey: user } },
    }),
  },
  'POST /ofrep/v1/evaluate/flags': {
    make: notCached,
    ask: ({ user }) => ({ body: { context: { targetingKey: user } } }),
    statuses: {
      304: async (world) => {
        const body = { context: { targetingKey: world.ids.user } };
        const { headers } = await requestTo(world.app)('POST', '/ofrep/v1/evaluate/flags', {
          key: world.key,
          body,
        });
        return { body, headers: { 'if-none-match': String(headers['etag']) } };
      },
    },
  },
  'GET /api/v1/entitlements/explain': {
    ask: ({ user, feature }) => ({ query: { user_id: user, feature_code: feature } }),
  },
  'GET /api/v1/entitlements/history': {
    ask: ({ user, feature }) => ({ query: { user_id: user, feature_code: feature } }),
  },
  'GET /api/v1/features/{feature_code}/users': {
    ask: ({ feature }) => ({ params: { feature_code: feature } }),
  },
  'GET /api/v1/catalog': { ask: () => ({}) },
  'GET /api/v1/changes': {
    ask: ({ user }) => ({ query: { after: 'start', user_id: user } }),
    problems: {
      cursor_expired: () => ({ query: { after: cursorOfAnotherDatabase } }),
    },
  },
  'GET /api/v1/changes/stream': {
    ask: ({ user }) => ({ query: { after: 'start', user_id: user } }),
  },
};
