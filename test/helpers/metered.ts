import type { TestResponse, TestService } from './service.ts';

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

/** An app of one project that uses the metered feature `credits`. */
export interface MeteredApp {
  /** Sends a request with the project's key. */
  send(method: Method, path: string, body?: object, key?: string): Promise<TestResponse>;
  /** Grants `credits`. */
  grant(userId: string, value: unknown, more?: object): Promise<TestResponse>;
  /** Consumes `credits` with a new idempotency key. */
  consume(userId: string, amount: number, more?: object): Promise<TestResponse>;
  /** Posts with an idempotency key, by default a new one. */
  post(path: string, body: object, key?: string): Promise<TestResponse>;
  /** Returns the usage of `credits`. */
  usage(userId: string): Promise<unknown>;
}

let keys = 0;

/** Returns the app of a project, and creates its feature `credits`. */
export async function meteredApp(
  service: Pick<TestService, 'request'>,
  key: string,
  feature: object = {},
): Promise<MeteredApp> {
  const send: MeteredApp['send'] = (method, path, body, idempotencyKey) =>
    service.request(method, path, {
      key,
      ...(body === undefined ? {} : { body }),
      ...(idempotencyKey === undefined ? {} : { headers: { 'idempotency-key': idempotencyKey } }),
    });
  const post: MeteredApp['post'] = (path, body, idempotencyKey = `key_${(keys += 1)}`) =>
    send('POST', path, body, idempotencyKey);
  const made = await send('PUT', '/admin/features/credits', {
    ...{ name: 'Credits', type: 'metered', unit: 'credits' },
    ...feature,
  });
  if (made.status !== 200) throw new Error(JSON.stringify(made.body));
  return {
    send,
    post,
    async grant(userId, value, more = {}) {
      const granted = await send('POST', '/admin/grant', {
        ...{ user_id: userId, feature_code: 'credits', value, reason: 'a test' },
        ...more,
      });
      if (granted.status !== 201) throw new Error(JSON.stringify(granted.body));
      return granted;
    },
    consume: (userId, amount, more = {}) =>
      post('/usage/consume', { user_id: userId, feature_code: 'credits', amount, ...more }),
    async usage(userId) {
      const { body } = await send('GET', `/usage?user_id=${userId}&feature_code=credits`);
      return (body as { data: unknown[] }).data[0];
    },
  };
}
