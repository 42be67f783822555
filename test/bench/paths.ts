import { randomInt } from 'node:crypto';
import { type Ask, repeated } from './load.ts';
import type { Comparison } from './comparison.ts';
import { ofrepComparisons } from './ofrep-paths.ts';
import { featureName, userName } from './seed.ts';
import { type Subject, uncachedEvery } from './subject.ts';
import { signedEvent } from './webhook-event.ts';

/** The paths that are measured on one subject. */
export function comparisons(subject: Subject): Comparison[] {
  const { service, floors, authorization, body, etag } = subject;
  const headers = { authorization };
  const ok = { status: 200, body };
  const cached = `user_id=${userName(1)}`;
  const redis = {
    floorName: 'Fastify + one Redis GET',
    floor: repeated(floors, { path: '/redis', headers, right: ok }),
  };
  const check = repeated(service, {
    path: `/api/v1/entitlements/check?${cached}&feature_code=${featureName(1)}`,
    headers,
    right: {
      status: 200,
      body: '{"allowed":true,"reason":"granted","value":100,"valid_to":null,"revision":1}',
    },
  });
  return [
    {
      id: 'bare',
      name: 'GET /live',
      target: null,
      service: repeated(service, {
        ...{ path: '/live', headers, right: { status: 200, body: '{"status":"live"}' } },
      }),
      floorName: 'bare Fastify',
      floor: repeated(floors, {
        ...{ path: '/bare', headers, right: { status: 200, body: '{"status":"live"}' } },
      }),
    },
    {
      id: 'hit',
      name: 'cache hit',
      target: 0.8,
      service: repeated(service, { path: `/api/v1/entitlements?${cached}`, headers, right: ok }),
      ...redis,
    },
    {
      id: '304',
      name: '304 on a hit',
      target: 0.85,
      service: repeated(service, {
        path: `/api/v1/entitlements?${cached}`,
        headers: { ...headers, 'if-none-match': etag },
        right: { status: 304, body: '' },
      }),
      ...redis,
    },
    { id: 'check', name: 'check on a hit', target: 0.75, service: check, ...redis },
    ...ofrepComparisons(subject, check, redis.floor),
    {
      id: 'miss',
      name: 'cache miss',
      target: 0.6,
      service: { server: service, next: everyUserInTurn(subject, '/api/v1/entitlements') },
      floorName: 'Fastify + one prepared select',
      floor: { server: floors, next: everyUserInTurn(subject, '/select') },
    },
    {
      id: 'strong',
      name: 'straight from Postgres',
      target: null,
      service: repeated(service, {
        ...{ path: `/api/v1/entitlements?${cached}&consistency=strong`, headers, right: ok },
      }),
      floorName: 'Fastify + one prepared select',
      floor: repeated(floors, { path: `/select?${cached}`, headers, right: ok }),
    },
    {
      id: 'webhook',
      name: 'webhook accepted',
      target: 0.7,
      service: { server: service, next: () => eventTo('/api/v1/webhooks/stripe') },
      floorName: 'Fastify verifying + one INSERT',
      floor: { server: floors, next: () => eventTo('/insert') },
    },
  ];
}

/** Hits and misses on many stored users, compared with the same on few. */
export function mixed(many: Subject, few: Subject, prepare: () => Promise<void>): Comparison {
  return {
    id: 'mixed',
    name: `mixed, ${many.users} users`,
    target: 0.85,
    service: { server: many.service, next: anyUser(many) },
    floorName: `mixed, ${few.users} users`,
    floor: { server: few.service, next: anyUser(few) },
    prepare,
  };
}

/** Reads users uniformly; one in five is never in the cache. */
export function anyUser(subject: Subject): () => Ask {
  return () => {
    const user = randomInt(subject.users) + 1;
    return {
      ...askAbout(subject, '/api/v1/entitlements', user),
      answered: () => {
        if (user % uncachedEvery === 0) forget(subject, user);
      },
    };
  };
}

/**
 * Reads one user after the other. After the last user the first one is read again, and is no longer in the
 * cache.
 */
function everyUserInTurn(subject: Subject, path: string): () => Ask {
  let user = 1;
  return () => {
    user = (user % subject.users) + 1;
    const asked = user;
    return {
      ...askAbout(subject, path, asked),
      answered: () => {
        // The first user's answer stays cached: other paths read it.
        if (asked !== 1) forget(subject, asked);
      },
    };
  };
}

function askAbout({ authorization, bodyOf }: Subject, path: string, user: number): Ask {
  return {
    method: 'GET',
    path: `${path}?user_id=${userName(user)}`,
    headers: { authorization },
    right: { status: 200, body: bodyOf(user) },
  };
}

/** Errors of the bench's own Redis end the bench. */
function forget({ redis, keyOf }: Subject, user: number): void {
  void redis.del(keyOf(user));
}

function eventTo(path: string): Ask {
  const { body, signature } = signedEvent();
  return {
    method: 'POST',
    path,
    headers: { 'content-type': 'application/json', 'stripe-signature': signature },
    body,
    right: { status: 200, body: '{"received":true,"duplicate":false}' },
  };
}
