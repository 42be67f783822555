import type { App } from './app-types.ts';

/** How long a connection may stand still, milliseconds: nothing comes in and nothing is taken off. */
export const standstillMs = 30_000;

/**
 * Ends connections whose client takes off nothing of its answer, which would stay in memory for ever:
 * Node's other time-outs end with the request. `connectionTimeout` has Node tell of a connection that
 * stands still; where a handler is still at work there is nothing to take off, and it goes on.
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
