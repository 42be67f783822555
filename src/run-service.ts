import { buildApp } from './app.ts';
import { type Background, startBackground } from './background.ts';
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
  const cache = createCache({ ...deps, cacheTtlSeconds: config.cacheTtlSeconds });
  const running: { background?: Background } = {};
  const app = await buildApp({
    ...deps,
    cache,
    wake: () => running.background?.wake(),
    jobsHealthy: () => running.background?.healthy() ?? false,
  });
  const background = startBackground({ ...deps, cache });
  running.background = background;
  await app.listen({ host: config.host, port: config.port });
  return { app, background };
}
