import { expect } from 'vitest';
import { text } from '../../helpers/json.ts';
import type { Shop } from '../../helpers/shop.ts';
import type { Act } from './perform.ts';

/** Returns what buyers do: `pay` (the latest session), `USER buys PRICE` or `USER buys PRICE xQUANTITY`. */
export function purchasesIn(shop: Shop): Act {
  async function pay(sessionId: string): Promise<void> {
    await shop.sandbox.buyer.pay(sessionId);
    await shop.settle();
  }

  return async (name) => {
    if (name === 'pay') {
      const [session] = (await shop.stripe.checkout.sessions.list({ limit: 1 })).data;
      return pay(session?.id ?? '');
    }
    const [, userId, price, quantity = '1'] = /^(\S+) buys (\S+?)(?: x(\d+))?$/.exec(name) ?? [];
    const opened = await shop.service.request('POST', '/checkout/sessions', {
      key: shop.key,
      body: {
        user_id: userId,
        line_items: [{ price_id: price, quantity: Number(quantity) }],
        success_url: 'https://notes.example/welcome',
        cancel_url: 'https://notes.example/pricing',
      },
    });
    expect(opened.status, JSON.stringify(opened.body)).toBe(201);
    await pay(text(opened.body, 'id'));
  };
}
