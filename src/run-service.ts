import { buildApp } from './app.ts';
import { type Background, startBackground } from './background.ts';
import { createFeed } from './changes/feed.ts';
import type { Deps } from './deps.ts';
import { createCache } from './entitlements/read/cache.ts';
import type { App } from './http/app-types.ts';
import { createSender } from './outbound/send.ts';

/** A running service. Stop both parts before closing the dependencies. */
export interface Running {
  app: App;
  background: Background;
}

/**
 * Starts the background work and listens for requests.
 *
 * @param prepare called with the application before it listens, so that tests can add hooks.
 */
export async function runService(
  deps: Deps,
  prepare: (app: App) => void = () => undefined,
): Promise<Running> {
  const { config } = deps;
  const running: { background?: Background } = {};
  const feed = createFeed({ ...deps, onPublish: () => running.background?.dispatch() });
  const cache = createCache({
    ...deps,
    cacheTtlSeconds: config.cacheTtlSeconds,
    onChange: () => {
      feed.wake();
    },
  });
  const sender = createSender({ ...deps, allowedNetworks: config.webhookAllowedNetworks });
  const app = await buildApp({
    ...deps,
    cache,
    feed,
    sender,
    wake: () => running.background?.wake(),
    jobsHealthy: () => running.background?.healthy() ?? false,
  });
  prepare(app);
  const background = startBackground({ ...deps, cache, feed, sender });
  running.background = background;
  await app.listen({ host: config.host, port: config.port });
  deps.loopDelay.restart();
  return { app, background };
}
