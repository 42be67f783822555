import type { App } from './app-types.ts';

/** Time-out of a connection that is idle in both directions, milliseconds. */
export const standstillMs = 30_000;

/**
 * Closes connections whose client does not read its response, because the unsent bytes would stay in memory.
 * `connectionTimeout` makes Node emit `timeout` for an idle connection. While a handler is still working
 * there are no unsent bytes, and the connection stays open.
 */
export function endUnreadAnswers(app: App): void {
  app.addHook('onRequest', ({ raw: { socket } }, { raw: response }, done) => {
    response.on('timeout', () => {
      if (response.writableLength > 0) socket.destroy();
      else socket.setTimeout(socket.timeout ?? standstillMs);
    });
    done();
  });
}
