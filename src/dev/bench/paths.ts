import type autocannon from 'autocannon';

/** How one request is made; a function, where each is to differ. */
export interface Load {
  url: string;
  method: 'GET' | 'POST';
  headers: Record<string, string>;
  /** Fits each request before it is sent. */
  fit?: (request: autocannon.Request) => autocannon.Request;
}

/** A path of the service beside the least that could answer the same. */
export interface Comparison {
  name: string;
  service: Load;
  floorName: string;
  floor: Load;
}

export interface Places {
  serviceUrl: string;
  floorsUrl: string;
  /** With the project's key. */
  authorization: string;
  /** Of the project whose users are asked for. */
  projectId: string;
  /** A user whose answer is in the cache. */
  cachedUser: string;
  /** The tag of that answer. */
  etag: string;
  /** Makes a signed event that was never sent. */
  signedEvent: () => { body: string; signature: string };
}

/** What is measured, each beside its floor. */
export function comparisons(places: Places): Comparison[] {
  const { serviceUrl, floorsUrl, authorization, projectId, cachedUser, etag } = places;
  const headers = { authorization };
  const entitlements = `${serviceUrl}/api/v1/entitlements`;
  const cached = `project_id=${projectId}&user_id=${cachedUser}`;
  const redis: Load = { url: `${floorsUrl}/redis`, method: 'GET', headers };
  const sign = (request: autocannon.Request): autocannon.Request => {
    const { body, signature } = places.signedEvent();
    const signed = { 'content-type': 'application/json', 'stripe-signature': signature };
    return { ...request, body, headers: { ...request.headers, ...signed } };
  };
  return [
    {
      name: 'cache hit',
      service: { url: `${entitlements}?${cached}`, method: 'GET', headers },
      floorName: 'Fastify + one Redis GET',
      floor: redis,
    },
    {
      name: '304 on a hit',
      service: {
        url: `${entitlements}?${cached}`,
        method: 'GET',
        headers: { ...headers, 'if-none-match': etag },
      },
      floorName: 'Fastify + one Redis GET',
      floor: redis,
    },
    {
      name: 'check on a hit',
      service: {
        url: `${entitlements}/check?${cached}&feature_code=feature_1`,
        method: 'GET',
        headers,
      },
      floorName: 'Fastify + one Redis GET',
      floor: redis,
    },
    {
      name: 'straight from Postgres',
      service: { url: `${entitlements}?${cached}&consistency=strong`, method: 'GET', headers },
      floorName: 'Fastify + one prepared select',
      floor: { url: `${floorsUrl}/select`, method: 'GET', headers },
    },
    {
      name: 'webhook accepted',
      service: {
        url: `${serviceUrl}/api/v1/webhooks/stripe`,
        method: 'POST',
        headers: {},
        fit: sign,
      },
      floorName: 'Fastify verifying + one INSERT',
      floor: { url: `${floorsUrl}/insert`, method: 'POST', headers: {}, fit: sign },
    },
  ];
}
