import { openRedis } from '../../../src/platform/redis.ts';
import { runService } from '../../../src/run-service.ts';
import type { Shop } from '../../helpers/shop.ts';

export interface Instance {
  url: string;
  port: number;
  close: () => Promise<void>;
}

/** Starts a whole instance on the shop's database, with its background work, that listens on `port`. */
export async function startInstance(
  shop: Shop,
  options: { redisUrl: string; metricsToken: string; webhookSecrets: string[]; port: number },
): Promise<Instance> {
  const { redisUrl, metricsToken, webhookSecrets, port } = options;
  const redis = openRedis(redisUrl, () => undefined);
  const { config, ...others } = shop.service.deps;
  const { app, background } = await runService({
    ...others,
    config: {
      ...config,
      ...{ host: '127.0.0.1', port, metricsToken, reconcileCron: undefined },
      stripe: { ...config.stripe, webhookSecrets },
    },
    redis,
  });
  const url = app.listeningOrigin;
  return {
    url,
    port: Number(new URL(url).port),
    async close() {
      await app.close();
      await background.stop();
      redis.disconnect();
    },
  };
}
