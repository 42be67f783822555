import type { RouteSamples } from '../route-sample.ts';
import type { World } from '../world.ts';

const at = 'https://notes.example';

const checkout = (user: string, price: string, url = at) => ({
  body: { user_id: user, price_id: price, success_url: url, cancel_url: `${at}/pricing` },
});

const freshUser = (world: World) => Promise.resolve({ user: world.fresh() });

/** The buyers' redirects. */
export const checkoutSamples: RouteSamples = {
  'POST /api/v1/checkout/sessions': {
    make: freshUser,
    ask: ({ user, price }) => checkout(user, price),
    problems: {
      redirect_not_allowed: (world) =>
        checkout(world.fresh(), world.ids.price, 'https://elsewhere.example'),
      already_subscribed: ({ ids, shop }) => checkout(ids.user, shop.prices.pro),
      feature_revoked: ({ ids }) => checkout(ids.user, ids.price),
      price_inactive: async ({ shop, ids, fresh, done }) => {
        const { id } = await shop.stripe.prices.create({
          product: ids.product,
          currency: 'usd',
          unit_amount: 100,
          active: false,
        });
        await done('PUT', `/admin/prices/${id}`, {});
        return checkout(fresh(), id);
      },
    },
  },
  'POST /api/v1/user-tokens': {
    ask: ({ user }) => ({ body: { user_id: user } }),
    problems: {
      documents_disabled: ({ ids, service }) => ({ body: { user_id: ids.user }, at: service.app }),
    },
  },
  'GET /api/v1/checkout/sessions/{id}': { ask: ({ session }) => ({ params: { id: session } }) },
  'POST /api/v1/portal/sessions': {
    ask: ({ user }) => ({ body: { user_id: user, return_url: at } }),
    problems: {
      redirect_not_allowed: ({ ids }) => ({
        body: { user_id: ids.user, return_url: 'https://elsewhere.example' },
      }),
    },
  },
};
