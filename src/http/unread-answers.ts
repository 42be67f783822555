import type { App } from './app-types.ts';

/** Timeout of a connection that is idle in both directions, milliseconds. */
export const idleTimeoutMs = 30_000;

/**
 * Closes connections whose client does not read the response, because the unsent bytes would stay in memory.
 * `connectionTimeout` makes Node emit `timeout` for an idle connection. Connections without unsent bytes stay
 * open, because their handlers are still working.
 */
export function endUnreadAnswers(app: App): void {
  app.addHook('onRequest', ({ raw: { socket } }, { raw: response }, done) => {
    response.on('timeout', () => {
      if (response.writableLength > 0) socket.destroy();
      else socket.setTimeout(socket.timeout ?? idleTimeoutMs);
    });
    done();
  });
}
