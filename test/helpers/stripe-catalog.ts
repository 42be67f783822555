import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

interface StripeObject {
  id: string;
  [field: string]: unknown;
}

export interface StripeCatalog {
  url: string;
  addProduct(id: string, fields?: object): void;
  addPrice(id: string, product: string, fields?: object): void;
  /** A feature of Stripe's own, attached to a product. */
  addFeature(product: string, lookupKey: string): void;
  /** From now on every request fails, as in an outage. */
  fail(failing: boolean): void;
  /** Runs once, after the next request was answered by Stripe and before the answer is sent. */
  beforeNextAnswer(work: () => Promise<void>): void;
  /** The requests so far: method, path and query. */
  requests: string[];
  close(): Promise<void>;
}

/** Pages have two objects, whatever `limit` says, so that code that forgets to page misses some. */
const pageSize = 2;

/** A server with the part of Stripe's API about products, prices and attached features. */
export async function startStripeCatalog(): Promise<StripeCatalog> {
  const products = new Map<string, StripeObject>();
  const prices = new Map<string, StripeObject>();
  const attached = new Map<string, StripeObject[]>();
  const requests: string[] = [];
  let failing = false;
  let interruption: (() => Promise<void>) | undefined;

  const pageOf = (all: StripeObject[], query: URLSearchParams): object => {
    const after = query.get('starting_after');
    const start = after === null ? 0 : all.findIndex(({ id }) => id === after) + 1;
    const data = all.slice(start, start + pageSize);
    return { object: 'list', url: '/', data, has_more: start + pageSize < all.length };
  };

  const answer = ({ pathname, searchParams: query }: URL): object | undefined => {
    const [, , kind, id, part] = pathname.split('/').map(decodeURIComponent);
    if (part === 'features') return pageOf(attached.get(id ?? '') ?? [], query);
    if (kind === 'products') {
      return id === undefined ? pageOf([...products.values()], query) : products.get(id);
    }
    if (kind !== 'prices') return undefined;
    if (id !== undefined) return prices.get(id);
    const asked = [...prices.values()].filter(
      (price) =>
        price['product'] === query.get('product') &&
        String(price['active']) === (query.get('active') ?? 'true'),
    );
    return pageOf(asked, query);
  };

  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://stripe.test');
    requests.push(`${request.method ?? ''} ${url.pathname}${url.search}`);
    const found = failing ? undefined : answer(url);
    const status = failing ? 500 : found === undefined ? 404 : 200;
    const error = failing
      ? { type: 'api_error', message: 'out of order' }
      : { type: 'invalid_request_error', code: 'resource_missing', message: 'No such object' };
    const body = JSON.stringify(found ?? { error });
    const interrupting = interruption?.();
    interruption = undefined;
    void Promise.resolve(interrupting).then(() => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(body);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // a TCP server has an address of this type

  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    addProduct(id, fields = {}) {
      products.set(id, {
        id,
        object: 'product',
        name: id,
        description: null,
        active: true,
        metadata: {},
        ...fields,
      });
    },
    addPrice(id, product, fields = {}) {
      prices.set(id, {
        id,
        object: 'price',
        product,
        active: true,
        nickname: null,
        currency: 'usd',
        unit_amount: 900,
        unit_amount_decimal: '900',
        type: 'recurring',
        recurring: { interval: 'month', interval_count: 1, usage_type: 'licensed' },
        tiers_mode: null,
        metadata: {},
        ...fields,
      });
    },
    addFeature(product, lookupKey) {
      const features = attached.get(product) ?? [];
      const id = `prodft_${product}_${features.length}`;
      const entitlement_feature = { object: 'entitlements.feature', lookup_key: lookupKey };
      attached.set(product, [...features, { id, object: 'product_feature', entitlement_feature }]);
    },
    fail(isFailing) {
      failing = isFailing;
    },
    beforeNextAnswer(work) {
      interruption = work;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
