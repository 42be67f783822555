import { z } from 'zod';
import { openPage, press } from './browser.ts';
import type { Walker } from './walker.ts';

/** The origin to which buyers are redirected. No server has to listen there. */
export const appOrigin = 'http://localhost:4000';

/** A response that sends the buyer to a hosted page. */
export const linkShape = z.object({ id: z.string(), url: z.string() });

/** Starts a checkout for one price. Resolves with the URL of its page. */
export async function startCheckout(
  walker: Walker,
  userId: string,
  priceId: string,
): Promise<string> {
  const call = {
    method: 'POST',
    path: '/api/v1/checkout/sessions',
    body: {
      user_id: userId,
      price_id: priceId,
      success_url: `${appOrigin}/welcome?session_id={CHECKOUT_SESSION_ID}`,
      cancel_url: `${appOrigin}/pricing`,
    },
  } as const;
  return (await walker.ask(call, { status: 201, shape: linkShape })).body.url;
}

/** Opens a hosted page and presses a button, as the buyer's browser would. */
export async function pressOn(walker: Walker, url: string, label: string): Promise<string | null> {
  walker.narrator.say(
    `The browser opens ${new URL(url).origin}/… and the buyer presses “${label}”.`,
  );
  return (await press(await openPage(url), label)).location;
}

/** Pays on the hosted page, and waits until Stripe's webhook has granted the user a feature. */
export async function pay(
  walker: Walker,
  pageUrl: string,
  userId: string,
  featureCode = 'export',
): Promise<void> {
  const location = await pressOn(walker, pageUrl, 'Pay');
  walker.expectEqual(
    'the payment succeeds, and the browser returns to the app',
    location?.startsWith(`${appOrigin}/welcome?session_id=cs_`),
    true,
  );
  await walker.waitForWebhook(userId, featureCode, ({ allowed }) => allowed);
}
