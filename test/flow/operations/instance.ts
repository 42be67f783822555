import { buildApp } from '../../../src/app.ts';
import { type Background, startBackground } from '../../../src/background.ts';
import { createFeed } from '../../../src/changes/feed.ts';
import { createCache } from '../../../src/entitlements/read/cache.ts';
import { openRedis } from '../../../src/platform/redis.ts';
import type { Shop } from '../../helpers/shop.ts';

export interface Instance {
  url: string;
  port: number;
  close: () => Promise<void>;
}

/** A whole instance on the shop's database, with its background work, that listens on `port`. */
export async function startInstance(
  shop: Shop,
  options: { redisUrl: string; metricsToken: string; webhookSecrets: string[]; port: number },
): Promise<Instance> {
  const { redisUrl, metricsToken, webhookSecrets, port: wantedPort } = options;
  const redis = openRedis(redisUrl, () => undefined);
  const { config, ...others } = shop.service.deps;
  const stripe = { ...config.stripe, webhookSecrets };
  const deps = {
    ...others,
    config: { ...config, metricsToken, stripe, reconcileCron: undefined },
    redis,
  };
  const feed = createFeed(deps);
  const cache = createCache({
    ...deps,
    cacheTtlSeconds: config.cacheTtlSeconds,
    onChange: () => {
      feed.wake();
    },
  });
  const background: { current?: Background } = {};
  const app = await buildApp({
    ...deps,
    cache,
    feed,
    wake: () => background.current?.wake(),
    jobsHealthy: () => background.current?.healthy() ?? false,
  });
  background.current = startBackground({ ...deps, cache, feed });
  const url = await app.listen({ host: '127.0.0.1', port: wantedPort });
  return {
    url,
    port: Number(new URL(url).port),
    async close() {
      await app.close();
      await background.current?.stop();
      redis.disconnect();
    },
  };
}
