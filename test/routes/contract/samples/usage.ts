import { at, text } from '../../../helpers/json.ts';
import type { Ask, RouteSamples } from '../route-sample.ts';
import type { Ids, World } from '../world.ts';

const reason = 'a sample';

let keys = 0;

/** Each request is a new one. */
const newKey = () => ({ 'idempotency-key': `sample_${(keys += 1)}` });

const about = ({ user, metered }: Pick<Ids, 'user' | 'metered'>) => ({
  user_id: user,
  feature_code: metered,
});

/** A second request with the key of one that succeeded. */
function reused(first: (world: World) => Ask, second: (world: World) => object) {
  return async (world: World): Promise<Ask> => {
    const headers = newKey();
    const { body } = first(world);
    await world.service.request('POST', '/usage/consume', { key: world.key, body, headers });
    return { ...first(world), headers, body: second(world) };
  };
}

const consumeAsk = (ids: Pick<Ids, 'user' | 'metered'>): Ask => ({
  body: { ...about(ids), amount: 1 },
  headers: newKey(),
});

async function newHold({ ids, key, service }: World, seconds = 3_600): Promise<string> {
  const body = { ...about(ids), amount: 1, expires_in_seconds: seconds };
  const held = await service.request('POST', '/usage/holds', { key, body, headers: newKey() });
  return text(held.body, 'hold_id');
}

async function expiredHold(world: World): Promise<string> {
  const hold = await newHold(world, 1);
  // A user's changes have distinct instants, so the hold may begin some milliseconds after the clock's.
  world.service.clock.advance(2_000);
  return hold;
}

async function newEntry({ ids, key, service }: World): Promise<string> {
  const body = about(ids);
  const used = await service.request('POST', '/usage/consume', { key, body, headers: newKey() });
  return text(used.body, 'entry_id');
}

/** The entry of a hold, which is the user's newest. */
async function entryOfHold(world: World): Promise<string> {
  await newHold(world);
  const { ids, key, service } = world;
  const entries = await service.request('GET', `/usage/entries?user_id=${ids.user}`, { key });
  return text(at(entries.body, 'data', 0), 'id');
}

/** What apps consume, hold and give back. */
export const usageSamples: RouteSamples = {
  'GET /api/v1/usage': {
    ask: (ids) => ({ query: about(ids) }),
    problems: {
      feature_not_metered: ({ ids }) => ({
        query: { user_id: ids.user, feature_code: ids.feature },
      }),
    },
  },
  'GET /api/v1/usage/entries': { ask: (ids) => ({ query: about(ids) }) },
  'GET /api/v1/usage/summary': {
    ask: ({ metered }) => ({
      query: {
        feature_code: metered,
        from: '2026-11-01T00:00:00Z',
        to: '2026-12-01T00:00:00Z',
      },
    }),
    problems: {
      window_invalid: () => ({
        query: { from: '2026-12-01T00:00:00Z', to: '2026-11-01T00:00:00Z' },
      }),
    },
  },
  'POST /api/v1/usage/consume': {
    ask: consumeAsk,
    problems: {
      feature_not_metered: ({ ids }) => ({
        body: { user_id: ids.user, feature_code: ids.feature },
        headers: newKey(),
      }),
      idempotency_key_reused: reused(
        ({ ids }) => consumeAsk(ids),
        ({ ids }) => ({ ...about(ids), amount: 2 }),
      ),
    },
  },
  'POST /api/v1/usage/consume/batch': {
    ask: (ids) => ({
      body: { items: [{ ...about(ids), idempotency_key: newKey()['idempotency-key'] }] },
    }),
  },
  'POST /api/v1/usage/holds': {
    ask: (ids) => ({
      body: { ...about(ids), amount: 1, expires_in_seconds: 60 },
      headers: newKey(),
    }),
    problems: {
      feature_not_metered: ({ ids }) => ({
        body: {
          ...{ user_id: ids.user, feature_code: ids.feature },
          ...{ amount: 1, expires_in_seconds: 60 },
        },
        headers: newKey(),
      }),
      idempotency_key_reused: reused(
        ({ ids }) => consumeAsk(ids),
        ({ ids }) => ({ ...about(ids), amount: 1, expires_in_seconds: 60 }),
      ),
    },
  },
  'POST /api/v1/usage/holds/{id}/settle': {
    make: async (world) => ({ hold: await newHold(world) }),
    ask: ({ hold }) => ({ params: { id: hold }, body: { amount: 1 }, headers: newKey() }),
    problems: {
      hold_expired: async (world) => ({
        params: { id: await expiredHold(world) },
        body: { amount: 1 },
        headers: newKey(),
      }),
      idempotency_key_reused: reused(
        ({ ids }) => ({ ...consumeAsk(ids), params: { id: ids.hold } }),
        () => ({ amount: 1 }),
      ),
    },
  },
  'DELETE /api/v1/usage/holds/{id}': {
    make: async (world) => ({ hold: await newHold(world) }),
    ask: ({ hold }) => ({ params: { id: hold } }),
    problems: {
      hold_expired: async (world) => ({ params: { id: await expiredHold(world) } }),
    },
  },
  'POST /api/v1/usage/entries/{id}/reverse': {
    make: async (world) => ({ entry: await newEntry(world) }),
    ask: ({ entry }) => ({ params: { id: entry }, body: { reason }, headers: newKey() }),
    problems: {
      entry_not_reversible: async (world) => ({
        params: { id: await entryOfHold(world) },
        body: { reason },
        headers: newKey(),
      }),
      idempotency_key_reused: reused(
        ({ ids }) => ({ ...consumeAsk(ids), params: { id: ids.entry } }),
        () => ({ reason }),
      ),
    },
  },
};
