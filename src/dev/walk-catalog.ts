import { z } from 'zod';
import { openStripe } from '../platform/stripe.ts';
import { demoProducts } from './demo-catalog.ts';
import { catalogCalls, createProjectCall, createStripeCatalog, keyCall, keyShape } from './seed.ts';
import { appOrigin } from './walk-pages.ts';
import type { Step } from './walker.ts';

const anything = z.unknown();

const pricingShape = z.object({
  products: z.array(z.object({ id: z.string(), features: z.record(z.string(), z.unknown()) })),
});

/** Returns the steps that create a project with a key and a catalog. */
export function catalogSteps(): Step[] {
  return [
    {
      title: 'A micro-app gets a project and a key',
      async run(walker) {
        const call = createProjectCall([appOrigin]);
        const project = await walker.ask(call, {
          status: 201,
          shape: z.object({ id: z.string() }),
        });
        walker.expectEqual('the project exists', project.body.id, 'demo');
        const { key } = (await walker.ask(keyCall, { status: 201, shape: keyShape })).body;
        walker.narrator.say('The key is shown only once. Everything below uses it.');
        walker.useKey(key);
      },
    },
    {
      title: 'The catalog: Stripe products, and the features that each of them unlocks',
      async run(walker) {
        const { stripeKey, sandboxUrl } = walker.options;
        const stripe = openStripe({ secretKey: stripeKey, apiBase: sandboxUrl });
        walker.setPrices(await createStripeCatalog(stripe));
        for (const call of catalogCalls(walker.prices)) {
          await walker.ask(call, { status: 200, shape: anything }, true);
        }
        const call = { method: 'GET', path: '/api/v1/catalog' } as const;
        const { products } = (await walker.ask(call, { status: 200, shape: pricingShape }, true))
          .body;
        const byId = (a: { id: string }, b: { id: string }) => a.id.localeCompare(b.id);
        walker.expectEqual(
          'the pricing page has three plans, a pass and a credit pack, with features of all four types',
          products.map(({ id, features }) => ({ id, features })).sort(byId),
          demoProducts.map(([, { id, features }]) => ({ id, features })).sort(byId),
        );
      },
    },
  ];
}
