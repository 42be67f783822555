import type { Clock } from '../platform/clock.ts';
import { createLogThrottle } from '../platform/log-throttle.ts';
import type { Logger } from '../platform/logger.ts';
import type { Metrics } from '../platform/metrics.ts';
import type { App } from './app-types.ts';

/** Minimum interval between warnings, milliseconds. */
const warningEveryMs = 3_600_000;

/**
 * Counts requests with `X-Forwarded-For` in a metric, and warns once an hour. Install it if no proxies are
 * trusted: all clients behind a proxy then share one address, and one limit for invalid keys.
 */
export function watchUntrustedProxies(
  app: App,
  { monotonic, logger, metrics }: { monotonic: Clock; logger: Logger; metrics: Metrics },
): void {
  const warnings = createLogThrottle(warningEveryMs);
  app.addHook('onRequest', (request, _reply, done) => {
    if (request.headers['x-forwarded-for'] !== undefined) {
      metrics.untrustedForwarded.inc();
      if (warnings.next(monotonic()) !== null) {
        logger.warn(
          'X-Forwarded-For is ignored, so all clients behind a proxy count as one; set TRUSTED_PROXIES',
        );
      }
    }
    done();
  });
}
