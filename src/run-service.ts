import { buildApp } from './app.ts';
import { type Background, startBackground } from './background.ts';
import { createFeed } from './changes/feed.ts';
import type { Deps } from './deps.ts';
import { createCache } from './entitlements/read/cache.ts';
import type { App } from './http/app-types.ts';

/** The service while it runs. Stop both parts before the dependencies are closed. */
export interface Running {
  app: App;
  background: Background;
}

/** Starts the background work and listens for requests. */
export async function runService(deps: Deps): Promise<Running> {
  const { config } = deps;
  const feed = createFeed(deps);
  const cache = createCache({
    ...deps,
    cacheTtlSeconds: config.cacheTtlSeconds,
    onChange: () => {
      feed.wake();
    },
  });
  const running: { background?: Background } = {};
  const app = await buildApp({
    ...deps,
    cache,
    feed,
    wake: () => running.background?.wake(),
    jobsHealthy: () => running.background?.healthy() ?? false,
  });
  const background = startBackground({ ...deps, cache, feed });
  running.background = background;
  await app.listen({ host: config.host, port: config.port });
  return { app, background };
}
