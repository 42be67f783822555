import { day, instant, yearNow } from './calendar.ts';
import { addBill } from './money.ts';
import { kindsIn } from './prices.ts';
import type { Random } from './random.ts';
import type { Tables } from './tables.ts';

const statuses = [
  'active',
  'active',
  'active',
  'active',
  'canceled',
  'canceled',
  'canceled',
  'past_due',
  'trialing',
  'unpaid',
  'paused',
  'incomplete',
  'incomplete_expired',
  'dormant',
] as const;

/** With its items, discounts and invoices. */
export function addSubscription(tables: Tables, random: Random, index: number): void {
  const id = `sub_${index}`;
  const status = random.pick(statuses);
  const currency = random.pick(['usd', 'usd', 'eur', 'jpy', 'kwd']);
  // Few users, so that many come back, and have two at once.
  const uid = random.integer(1, 900);
  const owned = !random.percent(15);
  const customerId = owned ? `cus_${uid}` : `cus_guest_${random.integer(1, 60)}`;
  const startDate = instant(random);
  const endedAt =
    status === 'canceled' && !random.percent(5) ? instant(random, startDate.getTime()) : null;
  const hasTrial = status === 'trialing' || random.percent(20);
  tables.subscriptions.push({
    id,
    uid: owned ? BigInt(uid) : null,
    customerId,
    status,
    effectiveStatus: status === 'dormant' ? random.pick(['active', 'canceled']) : status,
    currency,
    collectionMethod: 'charge_automatically',
    createdAt: startDate,
    startDate,
    endedAt,
    cancelAtPeriodEnd: false,
    canceledAt:
      status === 'canceled' && random.percent(50) ? instant(random, startDate.getTime()) : null,
    trialStart: hasTrial ? startDate : null,
    trialEnd: hasTrial ? new Date(startDate.getTime() + random.integer(1, 60) * day) : null,
    collectionPaused: random.percent(10),
  });
  const count = random.pick([1, 1, 1, 2, 3]);
  for (let position = 0; position < count; position += 1) {
    const kind = random.percent(3) ? 'unheard_of' : random.pick(kindsIn(currency));
    const itemId = `si_${index}_${position}`;
    tables.subscription_items.push({
      id: itemId,
      subscriptionId: id,
      priceId: `price_${kind}`,
      productId: `prod_${kind}`,
      quantity: kind === 'metered' ? null : random.pick([1, 1, 1, 2, 5, 6, 12, 13, 37, 0]),
      createdAt: startDate,
      currentPeriodStart: startDate,
      currentPeriodEnd: startDate,
      position,
    });
    if (random.percent(10)) addDiscount(tables, random, id, itemId, 0, currency);
  }
  const stacked = random.pick([0, 0, 0, 1, 2, 3]);
  for (let position = 0; position < stacked; position += 1) {
    addDiscount(tables, random, id, null, position, currency);
  }
  for (let number = random.integer(0, 4); number > 0; number -= 1) {
    addBill(
      tables,
      random,
      `${index}_${number}`,
      random.percent(3) ? 'sub_elsewhere' : id,
      customerId,
      currency,
    );
  }
}

function addDiscount(
  tables: Tables,
  random: Random,
  subscriptionId: string,
  itemId: string | null,
  position: number,
  currency: string,
): void {
  const off = random.percent(50)
    ? { percentOff: random.pick(['10', '50', '33.33', '100']) }
    : {
        amountOff: BigInt(random.pick([1, 250, 3_000])),
        currency: random.pick([currency, currency, 'sek']),
      };
  tables.subscription_discounts.push({
    id: `di_${subscriptionId}_${itemId ?? 'all'}_${position}`,
    subscriptionId,
    itemId,
    position,
    couponId: 'coupon',
    duration: random.pick(['forever', 'forever', 'repeating', 'once']),
    endAt: random.pick([null, null, new Date(yearNow), new Date(yearNow + 1), instant(random)]),
    ...off,
  });
}
