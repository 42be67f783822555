import type { ServerResponse } from 'node:http';

/**
 * Calls back once when a response has ended: with its status, or with null if the connection closed before its
 * head was sent.
 */
export function onResponse(response: ServerResponse, ended: (status: number | null) => void): void {
  const end = (): void => {
    response.off('finish', end);
    response.off('close', end);
    ended(response.headersSent ? response.statusCode : null);
  };
  if (response.closed) {
    // It emits no more events: the user hung up while the middleware waited for Latchkey.
    end();
    return;
  }
  response.once('finish', end);
  response.once('close', end);
}
