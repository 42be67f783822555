import { text } from '../../../helpers/json.ts';
import type { RouteSamples } from '../route-sample.ts';
import type { Ids, World } from '../world.ts';

/** Creates a subscription to `pro`, whose plan can change to `team`. */
async function subscribe(world: World): Promise<Pick<Ids, 'user' | 'subscription' | 'price'>> {
  const { shop } = world;
  const user = world.fresh();
  await shop.buy(user, 'pro');
  await shop.settle();
  const { id: subscription } = await shop.subscriptionOf(user);
  return { user, subscription, price: shop.prices.team };
}

const toPlan = (
  { user, subscription, price }: Pick<Ids, 'user' | 'subscription' | 'price'>,
  more = {},
) => ({
  params: { id: subscription },
  body: { user_id: user, price_id: price, when: 'now', ...more },
});

const own = ({ user, subscription }: Pick<Ids, 'user' | 'subscription'>, more = {}) => ({
  params: { id: subscription },
  body: { user_id: user, ...more },
});

const changeProblems = {
  price_not_found: async (world: World) =>
    toPlan({ ...(await subscribe(world)), price: 'price_none' }),
  already_subscribed: async (world: World) => {
    const mine = await subscribe(world);
    await world.shop.buy(mine.user, 'team');
    await world.shop.settle();
    return toPlan(mine);
  },
  price_inactive: async (world: World) => {
    const { id } = await world.shop.stripe.prices.create({
      product: world.ids.product,
      currency: 'usd',
      unit_amount: 100,
      recurring: { interval: 'month' },
      active: false,
    });
    await world.done('PUT', `/admin/prices/${id}`, {});
    return toPlan({ ...(await subscribe(world)), price: id });
  },
};

async function previewed(world: World) {
  const mine = await subscribe(world);
  const { body } = toPlan(mine);
  const preview = await world.done('POST', `/subscriptions/${mine.subscription}/preview`, body);
  return { mine, token: text(preview, 'preview_token') };
}

/** What a user does with a subscription. */
export const subscriptionSamples: RouteSamples = {
  'GET /api/v1/subscriptions': { ask: ({ user }) => ({ query: { user_id: user } }) },
  'POST /api/v1/subscriptions/{id}/preview': {
    make: subscribe,
    ask: toPlan,
    problems: changeProblems,
  },
  'POST /api/v1/subscriptions/{id}/change': {
    make: subscribe,
    ask: toPlan,
    problems: {
      ...changeProblems,
      payment_failed: async (world) => {
        const mine = await subscribe(world);
        const { sandbox, stripe } = world.shop;
        await sandbox.billing.failNextPayments(await world.shop.customerOf(mine.user), true);
        const coupon = await stripe.coupons.create({ percent_off: 10, duration: 'once' });
        const { code } = await stripe.promotionCodes.create({
          promotion: { type: 'coupon', coupon: coupon.id },
        });
        return toPlan(mine, { quantity: 3, promotion_code: code });
      },
      preview_expired: async (world) => {
        const { mine, token } = await previewed(world);
        const [item] = (await world.shop.subscriptionOf(mine.user)).items.data;
        await world.shop.stripe.subscriptionItems.update(item?.id ?? '', { quantity: 2 });
        return toPlan(mine, { preview_token: token });
      },
      preview_mismatch: async (world) => {
        const { token } = await previewed(world);
        return toPlan(await subscribe(world), { preview_token: token });
      },
    },
  },
  'POST /api/v1/subscriptions/{id}/cancel': {
    make: subscribe,
    ask: (ids) => own(ids, { when: 'period_end' }),
  },
  'POST /api/v1/subscriptions/{id}/resume': { make: subscribe, ask: (ids) => own(ids) },
};
