import { afterAll, beforeAll, beforeEach } from 'vitest';
import type { TestResponse } from './service.ts';
import { type Shop, startShop } from './shop.ts';

const origin = 'https://notes.example';

/** Redirects that the projects of `useCheckout` allow. */
export const urls = {
  success_url: `${origin}/ok?s={CHECKOUT_SESSION_ID}`,
  cancel_url: `${origin}/no`,
};

export interface TestCheckout {
  readonly shop: Shop;
  /** Another project with the same redirects, which sells nothing. */
  readonly rival: { projectId: string; key: string };
  /** Opens a checkout with the shop's key or another. */
  open: (body: object, key?: string) => Promise<TestResponse>;
}

/** Gives the tests of the calling file a shop, whose sandbox has no faults when a test begins. */
export function useCheckout(): TestCheckout {
  let shop: Shop;
  let rival: TestCheckout['rival'];
  beforeAll(async () => {
    shop = await startShop();
    rival = await shop.service.createProject('rival', { redirect_origins: [origin] });
  });
  beforeEach(() => {
    shop.sandbox.faults.clear();
  });
  afterAll(() => shop.close());
  return {
    get shop() {
      return shop;
    },
    get rival() {
      return rival;
    },
    open: (body, key = shop.key) =>
      shop.service.request('POST', '/checkout/sessions', { key, body }),
  };
}
