import pretty from 'pino-pretty';

/**
 * A stream that writes the service's log for a person: one short line per request, and everything else
 * as it is.
 */
export function createDevLog(stream: NodeJS.WriteStream): NodeJS.WritableStream {
  return pretty({
    destination: stream,
    sync: true,
    colorize: stream.isTTY,
    translateTime: 'SYS:HH:MM:ss',
    ignore: 'pid,hostname,service,reqId,route,method,status,ms',
    messageFormat: ({ method, route, status, ms, ...line }, messageKey) =>
      typeof method === 'string' && typeof route === 'string'
        ? `${method} ${route} → ${String(status)}, ${String(ms)} ms`
        : String(line[messageKey]),
  });
}
